// Where each device of an executor is in its instruction list: written by its thread, read by whoever watches it.
#pragma once

#include <atomic>
#include <cstdint>

namespace mp::runtime {

struct DevicePlace {
  std::int64_t step = -1;         // running or, between steps, done last; from 0; −1: none yet
  std::int32_t instruction = -1;  // being executed; −1: between steps; behind the last: for the device's own work
  std::uint32_t padding = 0;      // sent as bytes
  std::uint64_t moves = 0;        // grows with all that the device gets done
  friend bool operator==(const DevicePlace&, const DevicePlace&) = default;
};

class alignas(64) DeviceProgress {  // a cache line: threads side by side write theirs all the time
 public:
  void begin(std::int64_t step) { step_.store(step, std::memory_order_relaxed); }
  void at(std::int32_t instruction) {
    instruction_.store(instruction, std::memory_order_relaxed);
    moved();
  }
  void end() { at(-1); }
  // One thread alone writes.
  void moved() { moves_.store(moves_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed); }

  [[nodiscard]] DevicePlace place() const {
    return {.step = step_.load(std::memory_order_relaxed),
            .instruction = instruction_.load(std::memory_order_relaxed),
            .moves = moves_.load(std::memory_order_relaxed)};
  }

 private:
  std::atomic<std::int64_t> step_{-1};
  std::atomic<std::int32_t> instruction_{-1};
  std::atomic<std::uint64_t> moves_{0};
};

}  // namespace mp::runtime
