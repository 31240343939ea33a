// Chains of stages on devices, as the literature of pipelines draws them, and what a schedule makes of them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "lib/program/policy.hpp"
#include "lib/program/segments.hpp"
#include "lib/program/tasks.hpp"

namespace mp::test {

// v·p stages on p devices, stage s on device s mod p; forward, then backward, then (where it takes time) the weight
// gradients of each.
struct StageChain {
  std::int32_t devices = 4;            // p
  std::int32_t stages_per_device = 1;  // v
  std::int64_t forward = 1;            // of one stage and one microbatch
  std::int64_t backward = 2;           // without weight gradients where those are split off
  std::int64_t weight_gradient = 0;    // 0: not split off
};

[[nodiscard]] std::vector<Segment> segments_of(const StageChain& chain);
[[nodiscard]] std::vector<std::int64_t> durations_of(const StageChain& chain);
[[nodiscard]] std::vector<TimedTask> run(const StageChain& chain, const SchedulePolicy& policy,
                                         std::int32_t microbatches);
[[nodiscard]] std::vector<TimedTask> run(const StageChain& chain, Schedule schedule, std::int32_t microbatches);

// "F0 F1 B0 W0 …" of one device; with several stages on it "F0.0 F0.1", microbatch and which of the device's stages.
[[nodiscard]] std::string line(const StageChain& chain, const std::vector<TimedTask>& tasks, std::int32_t device);

// Time without work of each device until all are done.
[[nodiscard]] std::vector<std::int64_t> bubbles(const StageChain& chain, const std::vector<TimedTask>& tasks);
// Most stages × microbatches at once on each device, from the start of the forward to the end of the last pass.
[[nodiscard]] std::vector<std::int32_t> most_kept(const StageChain& chain, const std::vector<TimedTask>& tasks);

}  // namespace mp::test
