// A schedule as a policy: which of the passes that could start now a device works on first.
#pragma once

#include <cstdint>
#include <tuple>
#include <vector>

#include "lib/base/ids.hpp"
#include "lib/plan/plan.hpp"
#include "lib/program/segments.hpp"

namespace mp {

// One segment on one microbatch: the unit of scheduling.
struct Task {
  std::int32_t segment = 0;
  std::int32_t microbatch = 0;
  friend bool operator==(const Task&, const Task&) = default;
};

// What the scheduler asks. A microbatch is alive on a device from its first forward task there to the end of its last
// task there; microbatches come alive in order.
//
// For a chain of p equal stages the two policies below give exactly the schedules of the literature: GPipe (Huang et
// al., NeurIPS 2019; backward in the order of the microbatches, so that gradients sum in one order under every
// schedule) and 1F1B (Narayanan et al., SOSP 2019; with a flush: ICML 2021), where stage r holds p − r microbatches.
struct SchedulePolicy {
  // Most microbatches alive at once on each device. Where it is reached, no new one starts: that is what makes 1F1B of
  // "forward first".
  IdVector<DeviceId, std::int32_t> alive_limit;
  // No backward task starts on a device before its last forward task has ended.
  bool flush_between_passes = false;

  // Tasks of one pass on one device: lower first.
  using Rank = std::tuple<std::int32_t, std::int32_t, std::int32_t>;
  [[nodiscard]] Rank rank(const std::vector<Segment>& segments, Task task) const;
};

[[nodiscard]] SchedulePolicy make_policy(Schedule schedule, const std::vector<Segment>& segments, std::int32_t devices,
                                         std::int32_t microbatches);

}  // namespace mp
