// What one device could do next, under the limits of a policy.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "lib/program/policy.hpp"

namespace mp {

struct DeviceLimits {
  std::int32_t alive = 0;
  std::int32_t ahead = 0;
  std::int32_t kept = 0;
  bool flush_between_passes = false;
};

// A task that could start: a segment of this device on a microbatch.
struct ReadyTask {
  std::int64_t position = 0;  // MicrobatchGroups::position()
  Task task;
  Pass pass = Pass::kForward;
};

class DeviceQueue {
 public:
  // `segments` of this device in each pass; each pass runs all `microbatches`.
  DeviceQueue(const std::array<std::int32_t, kPasses>& segments, std::int32_t microbatches, const DeviceLimits& limits);

  void add(const ReadyTask& ready);
  // Takes out the task to work on now and counts it as begun; false: none may start.
  [[nodiscard]] bool take(ReadyTask& taken);
  void finish(Pass pass, std::int32_t microbatch);

 private:
  using Heap = std::vector<ReadyTask>;  // least position in front

  [[nodiscard]] bool may_start(const ReadyTask& forward) const;
  [[nodiscard]] bool take_forward(ReadyTask& taken);
  [[nodiscard]] Heap& heap(Pass pass) { return ready_[static_cast<std::size_t>(pass)]; }
  [[nodiscard]] std::int64_t matched(Pass pass) const;
  void begin(const ReadyTask& taken);

  std::array<std::int32_t, kPasses> segments_;
  DeviceLimits limits_;
  std::array<Heap, kPasses> ready_;
  std::array<std::int64_t, kPasses> finished_ = {};  // tasks
  std::vector<std::int32_t> tasks_left_;             // by microbatch
  std::int64_t forward_left_ = 0;
  std::int32_t next_microbatch_ = 0;  // the next to come alive
  std::int32_t alive_ = 0;
};

}  // namespace mp
