// Events. Recording takes the state of the stream at the time of the call: waiting for an event that is recorded again
// later still waits for the first.
#include <cuda_runtime_api.h>

#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <mutex>

#include "tests/emulation/clock.hpp"
#include "tests/emulation/machine.hpp"
#include "tests/emulation/queue.hpp"
#include "tests/emulation/state.hpp"

struct CUevent_st {
  int device = 0;
  bool is_timed = false;
  std::mutex mutex;
  std::shared_ptr<mp::emulation::Point> recorded;  // null: never, which nobody waits for
  std::shared_ptr<std::atomic<std::int64_t>>
      time_us;  // of the device's clock when that point is reached; null: untimed
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

cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned flags) {
  if (const cudaError_t error = obstacle(); error != cudaSuccess) return report(error);
  *event = new CUevent_st;
  (*event)->device = current_device();
  (*event)->is_timed = (flags & cudaEventDisableTiming) == 0;
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
  std::shared_ptr<std::atomic<std::int64_t>> time;
  if (event->is_timed) {
    time = std::make_shared<std::atomic<std::int64_t>>(0);
    const cudaError_t error = put_in(stream, [time, device = event->device] { *time = spent_us(device); });
    if (error != cudaSuccess) return report(error);
  }
  std::shared_ptr<Point> point = put_point(stream);
  const std::lock_guard lock(event->mutex);
  event->recorded = std::move(point);
  event->time_us = std::move(time);
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

cudaError_t cudaEventElapsedTime(float* milliseconds, cudaEvent_t begun, cudaEvent_t ended) {
  if (const cudaError_t error = obstacle(); error != cudaSuccess) return report(error);
  if (!begun->is_timed || !ended->is_timed || begun->device != ended->device) {
    return report(cudaErrorInvalidResourceHandle);
  }
  for (const cudaEvent_t event : {begun, ended}) {
    const std::shared_ptr<Point> point = recorded_in(event);
    if (!point) return report(cudaErrorInvalidResourceHandle);
    if (!point->is_reached()) return report(cudaErrorNotReady);
  }
  *milliseconds = static_cast<float>(*ended->time_us - *begun->time_us) / 1e3F;
  return cudaSuccess;
}
