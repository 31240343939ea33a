// List scheduling: one order of all tasks that respects every dependency and the policy.
#pragma once

#include <cstdint>
#include <vector>

#include "lib/cluster/cluster.hpp"
#include "lib/program/policy.hpp"
#include "lib/program/replication.hpp"
#include "lib/program/segments.hpp"

namespace mp {

// Time of each segment on one microbatch, in picoseconds: integers, so that equal stages take exactly equal times and
// ties do not hang on rounding. At least 1.
[[nodiscard]] std::vector<std::int64_t> segment_durations(const TrainingGraph& training,
                                                          const std::vector<Segment>& segments, const Cluster& cluster);

struct TimedTask {
  Task task;
  std::int64_t start = 0;
  std::int64_t end = 0;
  friend bool operator==(const TimedTask&, const TimedTask&) = default;
};

// Every (segment, microbatch) once, by start time in a run where transfers take no time: each device works on one task
// at a time, and when it is free takes the policy's first among those that can start. A segment takes the microbatches
// in order. Cannot get stuck: no limit holds back the oldest unfinished microbatch, as microbatches come alive in order
// on each device, and those before it have all their forward tasks matched.
// With `replication` a segment's microbatches go to the members of its device's group in turn, and each member takes
// its own in order, under the limits of the leader. O(log devices) a task, and the segments of a device where its first
// choice is held back.
[[nodiscard]] std::vector<TimedTask> timed_schedule(const std::vector<Segment>& segments,
                                                    const std::vector<std::int64_t>& durations,
                                                    const SchedulePolicy& policy, std::int32_t microbatches,
                                                    const Replication* replication = nullptr);

// The same without the times.
[[nodiscard]] std::vector<Task> list_schedule(const std::vector<Segment>& segments,
                                              const std::vector<std::int64_t>& durations, const SchedulePolicy& policy,
                                              std::int32_t microbatches, const Replication* replication = nullptr);

}  // namespace mp
