#include "tests/lib/support/stage_chain.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <map>
#include <utility>

namespace mp::test {
namespace {

std::int32_t stages(const StageChain& chain) { return chain.devices * chain.stages_per_device; }

std::int32_t stage_of(const StageChain& chain, const Segment& segment) {
  return segment.pass == Pass::kForward ? segment.level : stages(chain) - 1 - segment.level;
}

bool is_last_pass(const StageChain& chain, Pass pass) {
  return pass == (chain.weight_gradient > 0 ? Pass::kWeightGradient : Pass::kBackward);
}

}  // namespace

std::vector<Segment> segments_of(const StageChain& chain) {
  const std::int32_t n = stages(chain);
  std::vector<Segment> segments;
  for (std::int32_t pass = 0; pass < (chain.weight_gradient > 0 ? 3 : 2); ++pass) {
    for (std::int32_t level = 0; level < n; ++level) {
      const std::int32_t stage = pass == 0 ? level : n - 1 - level;
      std::vector<std::int32_t> successors;
      if (pass < 2 && level + 1 < n) successors.push_back(pass * n + level + 1);
      if (pass == 0) successors.push_back(n + n - 1 - stage);
      if (pass == 1 && chain.weight_gradient > 0) successors.push_back(2 * n + level);
      std::sort(successors.begin(), successors.end());
      segments.push_back({.device = make_id<DeviceId>(stage % chain.devices),
                          .pass = static_cast<Pass>(pass),
                          .level = level,
                          .nodes = {},
                          .successors = successors,
                          .predecessors = 0});
    }
  }
  for (const Segment& segment : segments) {
    for (const std::int32_t to : std::vector(segment.successors)) ++segments[static_cast<std::size_t>(to)].predecessors;
  }
  return segments;
}

std::vector<std::int64_t> durations_of(const StageChain& chain) {
  const std::int64_t of_pass[] = {chain.forward, chain.backward, chain.weight_gradient};
  std::vector<std::int64_t> durations;
  for (const Segment& segment : segments_of(chain)) durations.push_back(of_pass[static_cast<int>(segment.pass)]);
  return durations;
}

std::vector<TimedTask> run(const StageChain& chain, const SchedulePolicy& policy, std::int32_t microbatches) {
  return timed_schedule(segments_of(chain), durations_of(chain), policy, microbatches);
}

std::vector<TimedTask> run(const StageChain& chain, Schedule schedule, std::int32_t microbatches) {
  return run(chain, make_policy(schedule, segments_of(chain), chain.devices, microbatches), microbatches);
}

std::string line(const StageChain& chain, const std::vector<TimedTask>& tasks, std::int32_t device) {
  const std::vector<Segment> segments = segments_of(chain);
  std::string text;
  for (const TimedTask& timed : tasks) {
    const Segment& segment = segments[static_cast<std::size_t>(timed.task.segment)];
    if (segment.device != make_id<DeviceId>(device)) continue;
    if (!text.empty()) text += ' ';
    text += fmt::format("{}{}", "FBW"[static_cast<int>(segment.pass)], timed.task.microbatch);
    if (chain.stages_per_device > 1) text += fmt::format(".{}", stage_of(chain, segment) / chain.devices);
  }
  return text;
}

std::vector<std::int64_t> bubbles(const StageChain& chain, const std::vector<TimedTask>& tasks) {
  const std::vector<Segment> segments = segments_of(chain);
  std::int64_t end = 0;
  for (const TimedTask& timed : tasks) end = std::max(end, timed.end);
  std::vector<std::int64_t> bubbles(static_cast<std::size_t>(chain.devices), end);
  for (const TimedTask& timed : tasks) {
    bubbles[index(segments[static_cast<std::size_t>(timed.task.segment)].device)] -= timed.end - timed.start;
  }
  return bubbles;
}

std::vector<std::int32_t> most_kept(const StageChain& chain, const std::vector<TimedTask>& tasks) {
  const std::vector<Segment> segments = segments_of(chain);
  std::vector<std::map<std::int64_t, std::int32_t>> changes(static_cast<std::size_t>(chain.devices));
  for (const TimedTask& timed : tasks) {
    const Segment& segment = segments[static_cast<std::size_t>(timed.task.segment)];
    if (segment.pass == Pass::kForward) ++changes[index(segment.device)][timed.start];
    if (is_last_pass(chain, segment.pass)) --changes[index(segment.device)][timed.end];
  }
  std::vector<std::int32_t> most;
  for (const auto& of_device : changes) {
    std::int32_t kept = 0;
    most.push_back(0);
    for (const auto& [unused, change] : of_device) most.back() = std::max(most.back(), kept += change);
  }
  return most;
}

}  // namespace mp::test
