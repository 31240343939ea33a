#include "tests/emulation/stream.hpp"

#include <atomic>
#include <memory>
#include <mutex>
#include <set>
#include <utility>
#include <vector>

#include "tests/emulation/graph.hpp"
#include "tests/emulation/queue.hpp"
#include "tests/emulation/state.hpp"

namespace mp::emulation {

struct Point::State {
  std::mutex mutex;
  std::condition_variable changed;
  bool is_reached = false;
  std::weak_ptr<Queue> queue;  // whose end does all that is left
  std::uint64_t place = 0;     // in it
};

Point::Point(const std::shared_ptr<Queue>& queue) : state_(std::make_unique<State>()) { state_->queue = queue; }

Point::~Point() = default;

void Point::reach() {
  const std::lock_guard lock(state_->mutex);
  state_->is_reached = true;
  state_->changed.notify_all();
}

void Point::demand() {
  if (const std::shared_ptr<Queue> queue = state_->queue.lock()) queue->demand(state_->place);
}

void Point::wait() {
  demand();
  std::unique_lock lock(state_->mutex);
  state_->changed.wait(lock, [this] { return state_->is_reached; });
}

bool Point::is_reached() const {
  const std::lock_guard lock(state_->mutex);
  return state_->is_reached;
}

namespace {

std::mutex& streams_mutex() {
  static std::mutex mutex;
  return mutex;
}
std::set<cudaStream_t>& streams() {
  static std::set<cudaStream_t> all;
  return all;
}

std::vector<std::shared_ptr<Queue>> queues_of(int device) {
  const std::lock_guard lock(streams_mutex());
  std::vector<std::shared_ptr<Queue>> found;
  for (const cudaStream_t stream : streams()) {
    if (stream->queue->device() == device) found.push_back(stream->queue);
  }
  return found;
}

bool exists(cudaStream_t stream) {
  const std::lock_guard lock(streams_mutex());
  return streams().contains(stream);
}

}  // namespace

cudaError_t put_in(cudaStream_t stream, Work work) {
  if (const cudaError_t error = obstacle(); error != cudaSuccess) return error;
  if (!exists(stream)) return cudaErrorInvalidResourceHandle;  // the default stream is not emulated
  if (stream->capture != nullptr) {
    stream->capture->nodes.push_back(std::move(work));
    return cudaSuccess;
  }
  const int device = stream->queue->device();
  stream->queue->put_in([device, work = std::move(work)] { do_work(device, work); });
  return cudaSuccess;
}

int device_of(cudaStream_t stream) { return stream->queue->device(); }

std::shared_ptr<Point> put_point(cudaStream_t stream) {
  auto point = std::make_shared<Point>(stream->queue);
  point->state_->place = stream->queue->put_in([point] { point->reach(); });  // after a failure, too
  return point;
}

void finish_device(int device) {
  for (const std::shared_ptr<Queue>& queue : queues_of(device)) queue->finish();
}

}  // namespace mp::emulation

using namespace mp::emulation;

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned /*flags*/) {
  static std::atomic<std::uint64_t> number{0};
  if (const cudaError_t error = obstacle(); error != cudaSuccess) return report(error);
  if (const cudaError_t error = unsafe_in_capture(); error != cudaSuccess) return report(error);
  auto made = std::make_unique<CUstream_st>();
  made->queue = std::make_shared<Queue>(current_device(), number++);
  count_things(1);
  const std::lock_guard lock(streams_mutex());
  streams().insert(made.get());
  *stream = made.release();
  return cudaSuccess;
}

cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  {
    const std::lock_guard lock(streams_mutex());
    if (streams().erase(stream) == 0) return report(cudaErrorInvalidResourceHandle);
  }
  // What is left is still done, behind the caller; here before the call returns, so that threads end.
  stream->queue->finish();
  delete stream;
  count_things(-1);
  return cudaSuccess;
}

cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  if (const cudaError_t error = obstacle(); error != cudaSuccess) return report(error);
  if (!exists(stream)) return report(cudaErrorInvalidResourceHandle);
  if (const cudaError_t error = unsafe_in_capture(); error != cudaSuccess) return report(error);
  stream->queue->finish();
  const cudaError_t failure = failure_of(device_of(stream));
  return failure == cudaSuccess ? cudaSuccess : report(failure);
}

cudaError_t cudaStreamQuery(cudaStream_t stream) {
  if (const cudaError_t error = obstacle(); error != cudaSuccess) return report(error);
  if (!exists(stream)) return report(cudaErrorInvalidResourceHandle);
  if (const cudaError_t error = unsafe_in_capture(); error != cudaSuccess) return report(error);
  if (!stream->queue->is_idle()) return report(cudaErrorNotReady);
  const cudaError_t failure = failure_of(device_of(stream));
  return failure == cudaSuccess ? cudaSuccess : report(failure);
}
