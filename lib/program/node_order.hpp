// The nodes of all tasks, in the order of their times.
#pragma once

#include <cstdint>
#include <vector>

#include "lib/cluster/cluster.hpp"
#include "lib/program/policy.hpp"
#include "lib/program/replication.hpp"
#include "lib/program/segments.hpp"

namespace mp {

// A node on a microbatch, as part of a task.
struct NodeRun {
  NodeId node = kNone<NodeId>;
  std::int32_t microbatch = 0;
  std::int64_t start = 0;  // picoseconds, where transfers take no time
};

// `tasks` by start time, as list_schedule gives them: every node starts when its device is free and its task's
// predecessors have ended. Guarantee: a topological order; each device's nodes stand in the order of its tasks.
[[nodiscard]] std::vector<NodeRun> order_nodes(const TrainingGraph& training, const std::vector<Segment>& segments,
                                               const std::vector<Task>& tasks, const Replication& replication,
                                               const Cluster& cluster);

}  // namespace mp
