// List scheduling: one order of all tasks that respects every dependency and the policy.
#pragma once

#include <cstdint>
#include <vector>

#include "lib/cluster/cluster.hpp"
#include "lib/program/policy.hpp"
#include "lib/program/segments.hpp"

namespace mp {

// Time of each segment on one microbatch, in picoseconds: integers, so that equal stages take exactly equal times and
// ties do not hang on rounding. At least 1.
[[nodiscard]] std::vector<std::int64_t> segment_durations(const TrainingGraph& training,
                                                          const std::vector<Segment>& segments, const Cluster& cluster);

// Every (segment, microbatch) once, by start time in a run where transfers take no time: each device works on one task
// at a time, and when it is free takes the policy's first among those that can start: a forward task where the policy
// lets one, else a backward task. A segment takes the microbatches in order. Cannot get stuck: the lowest unfinished
// microbatch is never held back by a limit, as microbatches come alive in order on each device.
[[nodiscard]] std::vector<Task> list_schedule(const std::vector<Segment>& segments,
                                              const std::vector<std::int64_t>& durations, const SchedulePolicy& policy,
                                              std::int32_t microbatches);

}  // namespace mp
