#include "partition/search/step_lower_bound.hpp"

#include <algorithm>
#include <limits>
#include <set>
#include <vector>

#include "lib/costs/costs.hpp"

namespace mp::partition {
namespace {

using NodeSeconds = IdVector<NodeId, double>;

double runs_of(const TrainingGraph& training, NodeId n) {
  return training.phase[n] == Phase::kUpdate ? 1.0 : training.microbatches;
}

std::vector<NodeSeconds> seconds_by_type(const TrainingGraph& training, const Cluster& cluster) {
  std::vector<NodeSeconds> all;
  for (const DeviceType& type : cluster.types) {
    NodeSeconds seconds;
    for (const NodeId n : ids<NodeId>(training.graph.nodes().size())) {
      seconds.push_back(node_seconds(training.graph, n, type));
    }
    all.push_back(std::move(seconds));
  }
  return all;
}

// Bytes that every placement moves through memory beside its nodes: each input is fed to a device in every microbatch;
// each gradient but that of the first microbatch is added to the sum (read, read, written).
struct Moved {
  double bytes = 0.0;
  double launches = 0.0;
};

Moved moved_by(const TrainingGraph& training, bool replicas) {
  const Graph& graph = training.graph;
  Moved moved;
  for (const GraphInput& input : graph.inputs()) {
    if (graph.consumers(input.tensor).empty()) continue;
    moved.bytes += training.microbatches * static_cast<double>(bytes(graph.tensor(input.tensor).type));
  }
  if (replicas) return moved;  // sums of several microbatches may be added elsewhere, in other numbers
  for (const TensorId t : ids<TensorId>(graph.tensors().size())) {
    if (graph.tensor(t).producer == kNone<NodeId> || !training.is_accumulated(t)) continue;
    moved.bytes += 3.0 * (training.microbatches - 1) * static_cast<double>(bytes(graph.tensor(t).type));
    moved.launches += training.microbatches - 1;
  }
  return moved;
}

double seconds_of(const Moved& moved, const DeviceType& type) {
  return moved.bytes / type.memory_bandwidth_bytes_per_s + moved.launches * type.launch_overhead_s;
}

// Linear-programming duality: let weights λ of the types sum to 1 over the devices. A step of T seconds has T ≥ Σ over
// devices of λ · busy ≥ Σ over nodes of the least λ · seconds. Weights by speed are right where all nodes profit alike
// from a better type; equal weights always hold, too.
double work_bound(const TrainingGraph& training, const std::vector<NodeSeconds>& seconds, const Cluster& cluster,
                  bool replicas) {
  const Moved moved = moved_by(training, replicas);
  std::vector<double> all_work(seconds.size(), 0.0);
  for (std::size_t t = 0; t < seconds.size(); ++t) {
    for (const NodeId n : ids<NodeId>(seconds[t].size())) all_work[t] += runs_of(training, n) * seconds[t][n];
  }
  std::set<std::size_t> used;
  for (const ClusterDevice& device : cluster.devices) used.insert(static_cast<std::size_t>(device.type));
  double bound = 0.0;
  for (const bool by_speed : {false, true}) {
    std::vector<double> weight(seconds.size(), 1.0);
    for (std::size_t t = 0; t < seconds.size(); ++t) {
      if (by_speed && all_work[t] > 0.0) weight[t] = 1.0 / all_work[t];
    }
    double sum = 0.0;
    for (const ClusterDevice& device : cluster.devices) sum += weight[static_cast<std::size_t>(device.type)];
    double moved_s = std::numeric_limits<double>::infinity();
    for (const std::size_t t : used) {
      moved_s = std::min(moved_s, weight[t] * seconds_of(moved, cluster.types[t]));
    }
    double time_s = moved_s / sum;
    for (const NodeId n : ids<NodeId>(training.graph.nodes().size())) {
      double least = std::numeric_limits<double>::infinity();
      for (const std::size_t t : used) {
        least = std::min(least, weight[t] * seconds[t][n]);
      }
      time_s += runs_of(training, n) * least / sum;
    }
    bound = std::max(bound, time_s);
  }
  return bound;
}

// Longest ways through the nodes of one microbatch and the update, on the type best for each node.
struct Ways {
  NodeSeconds least;   // the node itself
  NodeSeconds before;  // to its start
  NodeSeconds after;   // from its end
};

Ways ways_of(const TrainingGraph& training, const std::vector<NodeSeconds>& seconds) {
  const Graph& graph = training.graph;
  const std::size_t nodes = graph.nodes().size();
  Ways ways{.least = seconds.front(), .before = NodeSeconds(nodes, 0.0), .after = NodeSeconds(nodes, 0.0)};
  for (const NodeSeconds& on_type : seconds) {
    for (const NodeId n : ids<NodeId>(nodes)) ways.least[n] = std::min(ways.least[n], on_type[n]);
  }
  for (const NodeId n : ids<NodeId>(nodes)) {
    for (const TensorId input : graph.node(n).inputs) {
      const NodeId from = input == kNone<TensorId> ? kNone<NodeId> : graph.tensor(input).producer;
      if (from != kNone<NodeId>) ways.before[n] = std::max(ways.before[n], ways.before[from] + ways.least[from]);
    }
  }
  for (std::size_t i = nodes; i-- > 0;) {
    const NodeId n = make_id<NodeId>(i);
    for (const TensorId input : graph.node(n).inputs) {
      const NodeId from = input == kNone<TensorId> ? kNone<NodeId> : graph.tensor(input).producer;
      if (from != kNone<NodeId>) ways.after[from] = std::max(ways.after[from], ways.after[n] + ways.least[n]);
    }
  }
  return ways;
}

double way_bound(const TrainingGraph& training, const PlacementUnits& units, const Ways& ways, double microbatches) {
  struct UnitWay {
    double before_s = std::numeric_limits<double>::infinity();
    double own_s = 0.0;
    double after_s = std::numeric_limits<double>::infinity();
  };
  IdVector<UnitId, UnitWay> of_unit(units.nodes.size());
  for (const NodeId n : ids<NodeId>(training.graph.nodes().size())) {
    if (training.phase[n] == Phase::kUpdate) continue;
    UnitWay& way = of_unit[units.unit_of[n]];
    way.before_s = std::min(way.before_s, ways.before[n]);
    way.after_s = std::min(way.after_s, ways.after[n]);
    way.own_s += ways.least[n];
  }
  double bound = 0.0;
  for (const UnitWay& way : of_unit) {
    if (way.own_s > 0.0) bound = std::max(bound, way.before_s + microbatches * way.own_s + way.after_s);
  }
  return bound;
}

}  // namespace

double step_lower_bound(const TrainingGraph& training, const PlacementUnits& units, const Cluster& cluster,
                        bool replicas) {
  const std::vector<NodeSeconds> seconds = seconds_by_type(training, cluster);
  const Ways ways = ways_of(training, seconds);
  const auto devices = static_cast<std::int64_t>(cluster.devices.size());
  const std::int64_t of_one = replicas ? (training.microbatches + devices - 1) / devices : training.microbatches;
  double bound = std::max(work_bound(training, seconds, cluster, replicas),
                          way_bound(training, units, ways, static_cast<double>(of_one)));
  for (const NodeId n : ids<NodeId>(ways.least.size())) {
    bound = std::max(bound, ways.before[n] + ways.least[n] + ways.after[n]);
  }
  return bound;
}

}  // namespace mp::partition
