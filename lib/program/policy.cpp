#include "lib/program/policy.hpp"

#include <algorithm>
#include <limits>

namespace mp {
namespace {

using PerDevice = IdVector<DeviceId, std::int32_t>;

constexpr std::int32_t kNoLimit = std::numeric_limits<std::int32_t>::max();

// Where each device stands in the forward pass.
struct Stages {
  PerDevice first_level;  // kNoLimit: no forward segment
  PerDevice segments;     // of the forward pass
  std::int32_t levels = 0;
  std::int32_t working = 1;  // devices with forward segments; at least 1
  std::int32_t group = 1;    // most microbatches in a group
};

Stages stages_of(const std::vector<Segment>& segments, std::int32_t devices) {
  const auto count = static_cast<std::size_t>(devices);
  Stages stages{.first_level = PerDevice(count, kNoLimit), .segments = PerDevice(count, 0)};
  for (const Segment& segment : segments) {
    if (segment.pass != Pass::kForward) continue;
    std::int32_t& first = stages.first_level[segment.device];
    first = std::min(first, segment.level);
    ++stages.segments[segment.device];
    stages.levels = std::max(stages.levels, segment.level + 1);
  }
  const auto idle = std::count(stages.segments.begin(), stages.segments.end(), 0);
  stages.working = std::max(devices - static_cast<std::int32_t>(idle), 1);
  return stages;
}

// Stage r of p has p − r stages from itself to the loss, and needs as many microbatches to stay busy. With several
// segments on a device its first one counts, but never more than there are devices at work: a round trip of a
// microbatch keeps each of p equally loaded devices busy for 1/p of the time.
std::int32_t one_forward_one_backward_limit(const Stages& stages, DeviceId d) {
  if (stages.segments[d] == 0) return 1;
  return std::clamp(stages.levels - stages.first_level[d], 1, stages.working);
}

// Forward tasks of a device before its first backward task: Narayanan et al., SC 2021.
std::int32_t interleaved_limit(const Stages& stages, DeviceId d) {
  const std::int32_t v = stages.segments[d];
  if (v <= 1) return one_forward_one_backward_limit(stages, d);
  const std::int32_t p = stages.working;
  const std::int32_t r = std::min(stages.first_level[d], p - 1);
  return (v - 1) * stages.group + 2 * (p - 1 - r) + 1;
}

// What the first device may hold under `interleaved`, for the stages of this one.
std::int32_t zero_bubble_limit(const Stages& stages, DeviceId d) {
  const std::int32_t v = stages.segments[d];
  const std::int32_t p = stages.working;
  return v <= 1 ? p : (v - 1) * stages.group + 2 * (p - 1) + 1;
}

PerDevice for_each_device(const Stages& stages, std::int32_t (*limit)(const Stages&, DeviceId)) {
  PerDevice limits(stages.segments.size(), 0);
  for (const DeviceId d : ids<DeviceId>(limits.size())) limits[d] = limit(stages, d);
  return limits;
}

}  // namespace

std::int64_t MicrobatchGroups::position(std::int32_t segment, std::int32_t segments, std::int32_t microbatch) const {
  const auto begin_of = [&](std::int64_t group) { return group * microbatches / count; };
  const std::int64_t group = ((microbatch + std::int64_t{1}) * count - 1) / microbatches;
  const std::int64_t begin = begin_of(group);
  return begin * segments + segment * (begin_of(group + 1) - begin) + microbatch - begin;
}

SchedulePolicy make_policy(Schedule schedule, const std::vector<Segment>& segments, std::int32_t devices,
                           std::int32_t microbatches) {
  Stages stages = stages_of(segments, devices);
  const PerDevice unlimited(static_cast<std::size_t>(devices), kNoLimit);
  SchedulePolicy policy{.alive_limit = PerDevice(unlimited.size(), microbatches),
                        .ahead_limit = unlimited,
                        .kept_limit = unlimited,
                        .groups = {.microbatches = microbatches, .count = microbatches}};
  if (schedule == Schedule::kInterleaved || schedule == Schedule::kZeroBubble) {
    policy.groups.count = std::max(microbatches / stages.working, 1);
  }
  stages.group = policy.groups.largest();
  switch (schedule) {
    case Schedule::kGpipe:
      policy.flush_between_passes = true;
      break;
    case Schedule::k1f1b:
      policy.alive_limit = for_each_device(stages, one_forward_one_backward_limit);
      break;
    case Schedule::kInterleaved:
      policy.ahead_limit = for_each_device(stages, interleaved_limit);
      break;
    case Schedule::kZeroBubble:
      policy.ahead_limit = for_each_device(stages, interleaved_limit);
      policy.kept_limit = for_each_device(stages, zero_bubble_limit);
      break;
  }
  return policy;
}

void limit_alive(SchedulePolicy& policy, std::int32_t alive) {
  if (alive >= policy.groups.microbatches) return;
  for (std::int32_t& limit : policy.alive_limit) limit = std::min(limit, alive);
  policy.flush_between_passes = false;
}

bool splits_weight_gradients(Schedule schedule) { return schedule == Schedule::kZeroBubble; }

}  // namespace mp
