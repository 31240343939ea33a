#include "lib/program/policy.hpp"

#include <algorithm>
#include <limits>

namespace mp {
namespace {

using PerDevice = IdVector<DeviceId, std::int32_t>;

// Stage r of p has p − r stages from itself to the loss, and needs as many microbatches to stay busy. With several
// segments on a device its first one counts, but never more than there are devices at work: a round trip of a
// microbatch keeps each of p equally loaded devices busy for 1/p of the time.
PerDevice one_forward_one_backward_limits(const std::vector<Segment>& segments, std::int32_t devices) {
  PerDevice first_level(static_cast<std::size_t>(devices), std::numeric_limits<std::int32_t>::max());
  std::int32_t last_level = 0;
  for (const Segment& segment : segments) {
    if (segment.pass != Phase::kForward) continue;
    first_level[segment.device] = std::min(first_level[segment.device], segment.level);
    last_level = std::max(last_level, segment.level);
  }
  const auto idle = std::count(first_level.begin(), first_level.end(), std::numeric_limits<std::int32_t>::max());
  const std::int32_t working = devices - static_cast<std::int32_t>(idle);
  PerDevice limits(static_cast<std::size_t>(devices), 1);
  for (const DeviceId d : ids<DeviceId>(limits.size())) {
    limits[d] = std::clamp(last_level - first_level[d] + 1, 1, std::max(working, 1));
  }
  return limits;
}

}  // namespace

SchedulePolicy::Rank SchedulePolicy::rank(const std::vector<Segment>& segments, Task task) const {
  return {task.microbatch, segments[static_cast<std::size_t>(task.segment)].level, task.segment};
}

SchedulePolicy make_policy(Schedule schedule, const std::vector<Segment>& segments, std::int32_t devices,
                           std::int32_t microbatches) {
  switch (schedule) {
    case Schedule::kGpipe:
      return {.alive_limit = PerDevice(static_cast<std::size_t>(devices), microbatches), .flush_between_passes = true};
    case Schedule::k1f1b:
      return {.alive_limit = one_forward_one_backward_limits(segments, devices), .flush_between_passes = false};
  }
  return {};
}

}  // namespace mp
