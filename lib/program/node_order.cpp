#include "lib/program/node_order.hpp"

#include <algorithm>
#include <cstddef>

#include "lib/costs/costs.hpp"
#include "lib/program/picoseconds.hpp"

namespace mp {
namespace {

// As segment_durations: whole picoseconds.
std::int64_t duration_of(const TrainingGraph& training, NodeId n, const DeviceType& type) {
  return to_picoseconds(node_seconds(training.graph, n, type));
}

}  // namespace

std::vector<NodeRun> order_nodes(const TrainingGraph& training, const std::vector<Segment>& segments,
                                 const std::vector<Task>& tasks, const Replication& replication,
                                 const Cluster& cluster) {
  const auto microbatches = static_cast<std::size_t>(training.microbatches);
  IdVector<NodeId, std::int64_t> duration(training.graph.nodes().size(), 0);
  for (const Segment& segment : segments) {
    for (const NodeId n : segment.nodes) duration[n] = duration_of(training, n, cluster.type_of(segment.device));
  }
  IdVector<DeviceId, std::int64_t> free_at(replication.devices(), 0);
  std::vector<std::int64_t> ready_at(segments.size() * microbatches, 0);
  std::vector<NodeRun> runs;
  for (const Task& task : tasks) {
    const Segment& segment = segments[static_cast<std::size_t>(task.segment)];
    std::int64_t& free = free_at[replication.device(segment.device, task.microbatch)];
    const auto at = static_cast<std::size_t>(task.microbatch);
    std::int64_t now = std::max(free, ready_at[static_cast<std::size_t>(task.segment) * microbatches + at]);
    for (const NodeId n : segment.nodes) {
      runs.push_back({.node = n, .microbatch = task.microbatch, .start = now});
      now += duration[n];
    }
    free = now;
    for (const std::int32_t next : segment.successors) {
      std::int64_t& ready = ready_at[static_cast<std::size_t>(next) * microbatches + at];
      ready = std::max(ready, now);
    }
  }
  std::stable_sort(runs.begin(), runs.end(), [](const NodeRun& a, const NodeRun& b) { return a.start < b.start; });
  return runs;
}

}  // namespace mp
