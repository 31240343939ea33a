// Events. Recording takes the state of the stream at the time of the call: waiting for an event that is recorded again
// later still waits for the first.
#include <cuda_runtime_api.h>

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <mutex>

#include "tests/emulation/machine.hpp"
#include "tests/emulation/queue.hpp"
#include "tests/emulation/state.hpp"

struct CUevent_st {
  int device = 0;
  std::mutex mutex;
  std::shared_ptr<mp::emulation::Point> recorded;  // null: never, which nobody waits for
};

using namespace mp::emulation;

namespace {

std::shared_ptr<Point> recorded_in(cudaEvent_t event) {
  const std::lock_guard lock(event->mutex);
  return event->recorded;
}

// Forks and joins within a capture, which runtime/ has none of.
void not_in_capture(cudaStream_t stream) {
  if (stream->capture == nullptr) return;
  std::fputs("the emulated GPU cannot capture events\n", stderr);
  std::abort();
}

}  // namespace

cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned /*flags*/) {
  if (const cudaError_t error = obstacle(); error != cudaSuccess) return report(error);
  *event = new CUevent_st;
  (*event)->device = current_device();
  count_things(1);
  return cudaSuccess;
}

cudaError_t cudaEventDestroy(cudaEvent_t event) {
  if (event == nullptr) return report(cudaErrorInvalidResourceHandle);
  delete event;
  count_things(-1);
  return cudaSuccess;
}

cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
  if (const cudaError_t error = obstacle(); error != cudaSuccess) return report(error);
  if (event->device != device_of(stream)) return report(cudaErrorInvalidResourceHandle);
  not_in_capture(stream);
  std::shared_ptr<Point> point = put_point(stream);
  const std::lock_guard lock(event->mutex);
  event->recorded = std::move(point);
  return cudaSuccess;
}

cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned /*flags*/) {
  if (const cudaError_t error = obstacle(); error != cudaSuccess) return report(error);
  not_in_capture(stream);
  const std::shared_ptr<Point> point = recorded_in(event);
  if (!point || machine().ignores_waits) return cudaSuccess;
  const cudaError_t error = put_in(stream, [point] { point->wait(); });
  return error == cudaSuccess ? cudaSuccess : report(error);
}

cudaError_t cudaEventSynchronize(cudaEvent_t event) {
  if (const cudaError_t error = obstacle(); error != cudaSuccess) return report(error);
  if (const cudaError_t error = unsafe_in_capture(); error != cudaSuccess) return report(error);
  if (const std::shared_ptr<Point> point = recorded_in(event)) point->wait();
  const cudaError_t failure = failure_of(event->device);
  return failure == cudaSuccess ? cudaSuccess : report(failure);
}

cudaError_t cudaEventQuery(cudaEvent_t event) {
  if (const cudaError_t error = obstacle(); error != cudaSuccess) return report(error);
  if (const cudaError_t error = unsafe_in_capture(); error != cudaSuccess) return report(error);
  const std::shared_ptr<Point> point = recorded_in(event);
  if (!point || point->is_reached()) return cudaSuccess;
  point->demand();
  return report(cudaErrorNotReady);
}
