// A schedule as a policy: which of the passes that could start now a device works on first.
#pragma once

#include <cstdint>
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

// Microbatches in groups of nearly equal size; those of a group go through a device's segments of one pass together.
struct MicrobatchGroups {
  std::int32_t microbatches = 1;
  std::int32_t count = 1;  // of groups, at most one per microbatch

  [[nodiscard]] std::int32_t largest() const { return (microbatches + count - 1) / count; }
  // Place in a device's order of the tasks of one pass: group by group; in a group, segment by segment; in a segment,
  // by microbatch. `segment` counts the device's `segments` of the pass.
  [[nodiscard]] std::int64_t position(std::int32_t segment, std::int32_t segments, std::int32_t microbatch) const;
};

// What the scheduler asks. A microbatch is alive on a device from its first forward task there to the end of its last
// task there; microbatches come alive in order.
//
// Of the tasks that can start, a device takes a forward one where the limits let it, else a backward one, else a weight
// gradient; "forward first" under a limit is what makes 1F1B. For a chain of equal stages the policies give exactly the
// schedules of the literature:
// - gpipe: Huang et al., NeurIPS 2019; backward in the order of the microbatches, so that gradients sum in one order
//   under every schedule.
// - 1f1b: Narayanan et al., SOSP 2019; with a flush: ICML 2021. Stage r of p holds p − r microbatches.
// - interleaved: Narayanan et al., SC 2021, section 2.2, with p devices that hold every p-th of v·p stages: groups of p
//   microbatches go through the stages of a device in turn, and the device is (v − 1)p + 2(p − 1 − r) + 1 forward tasks
//   ahead when its first backward task starts. Where p does not divide the microbatches, the groups are somewhat
//   larger.
// - zero-bubble: ZB-H1 of Qi et al., ICLR 2024, section 2.3: the order of 1f1b (interleaved, where a device has several
//   stages), weight gradients fill the waits, and no device keeps more than the first one does under 1f1b.
struct SchedulePolicy {
  // Most microbatches alive at once on each device.
  IdVector<DeviceId, std::int32_t> alive_limit;
  // A device has one order of its forward tasks, see MicrobatchGroups::position(). It may start the tasks that are less
  // than the limit behind the first one not yet matched by a backward task, or by one of the last pass (weight
  // gradients where they are split off). Where a device has other numbers of segments in these passes, each counts its
  // share. At least (segments − 1) × largest group + 1, or the oldest microbatch could not go on.
  IdVector<DeviceId, std::int32_t> ahead_limit;
  IdVector<DeviceId, std::int32_t> kept_limit;
  // No backward task starts on a device before its last forward task has ended. Goes with no limit on what is alive.
  bool flush_between_passes = false;
  MicrobatchGroups groups;
};

[[nodiscard]] SchedulePolicy make_policy(Schedule schedule, const std::vector<Segment>& segments, std::int32_t devices,
                                         std::int32_t microbatches);

// At most `alive` microbatches alive on any device (≥ 1), for the sake of memory. gpipe, which would never get to its
// backward passes, then runs them as soon as they can.
void limit_alive(SchedulePolicy& policy, std::int32_t alive);

// Does the schedule want weight gradients as a pass of their own?
[[nodiscard]] bool splits_weight_gradients(Schedule schedule);

}  // namespace mp
