// What the emulated driver knows of a thread and of a device.
#pragma once

#include <cuda_runtime_api.h>

#include <atomic>
#include <cstdint>
#include <string>

#include "tests/emulation/stream.hpp"

namespace mp::emulation {

// Returns `error`, and keeps it for cudaGetLastError.
cudaError_t report(cudaError_t error);

[[nodiscard]] int current_device();

// Why no call can be answered: no driver, no device, or a failure of work of the current device before. Else success.
[[nodiscard]] cudaError_t obstacle();
[[nodiscard]] cudaError_t failure_of(int device);
void fail_device(int device, cudaError_t error, const std::string& why);

// Counts down to a fault that was asked for.
class Countdown {
 public:
  void set(std::int64_t count) { left_ = count; }  // −1: never
  [[nodiscard]] bool is_over() {                   // once
    return left_.load(std::memory_order_relaxed) >= 0 && left_.fetch_sub(1, std::memory_order_relaxed) == 0;
  }

 private:
  std::atomic<std::int64_t> left_{-1};
};
Countdown& work_countdown();
Countdown& transfer_countdown();  // of NCCL, to one that fails
Countdown& hang_countdown();      // … to one that never ends

// Does one piece of work, unless the device has failed already.
void do_work(int device, const Work& work);

// For calls that are "potentially unsafe" while a stream is captured (cudaThreadExchangeStreamCaptureMode): a capture
// of this thread, or one of any thread that was begun globally, is broken by them.
[[nodiscard]] cudaError_t unsafe_in_capture();

// No device may reach another's memory any more.
void forget_peers();

// How many streams, blocks of memory and other things there are: the machine may change only while there is none.
void count_things(int change);

// Relaxed, like all that threads share here but locks of streams and events: the order that a program forgot to make
// is not made by the emulation.
struct AtomicCounts {
  std::atomic<std::int64_t> launches{0};
  std::atomic<std::int64_t> graph_launches{0};
  std::atomic<std::int64_t> peer_bytes{0};
  std::atomic<std::int64_t> staged_bytes{0};
  std::atomic<std::int64_t> pageable_bytes{0};
  std::atomic<std::int64_t> slow_products{0};
  std::atomic<std::int64_t> convolutions{0};
  std::atomic<std::int64_t> attentions{0};
  std::atomic<std::int64_t> plans{0};
  std::atomic<std::int64_t> late_uses{0};
};
AtomicCounts& mutable_counts();
inline void add_to(std::atomic<std::int64_t>& count, std::int64_t addend) {
  count.fetch_add(addend, std::memory_order_relaxed);
}

}  // namespace mp::emulation
