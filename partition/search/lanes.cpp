#include "partition/search/lanes.hpp"

#include <algorithm>
#include <map>
#include <string_view>
#include <utility>

#include "partition/search/part_placements.hpp"

namespace mp::partition {
namespace {

// Bytes of the first lane, by the node they come from and the direction of the pass.
struct FirstLane {
  std::int64_t sent = 0;
  std::int64_t received = 0;
  UnitId unit = kNone<UnitId>;
};

std::string_view name_of_unit(const TrainingGraph& training, const PlacementUnits& units, UnitId unit) {
  return training.graph.node(units.nodes[unit].front()).name;
}

}  // namespace

std::int32_t most_parts(const TrainingGraph& training) {
  std::int64_t parts = 1;
  for (std::int32_t n = 0; n < training.forward_nodes; ++n) {
    parts = std::max(parts, 1 + part_of(training.graph.node(make_id<NodeId>(n)).name));
  }
  return static_cast<std::int32_t>(parts);
}

Lanes lanes_of(const TrainingGraph& training, const PlacementUnits& units, std::int32_t count) {
  Lanes lanes{.count = count, .of = IdVector<UnitId, std::int32_t>(units.nodes.size(), 0)};
  for (const UnitId unit : ids<UnitId>(units.nodes.size())) {
    const std::int64_t part = part_of(name_of_unit(training, units, unit));
    if (part > 0) lanes.of[unit] = static_cast<std::int32_t>(part % count);
  }
  return lanes;
}

std::vector<ReplicaGroup> lane_groups(const Cluster& cluster, const std::vector<DeviceId>& order, std::int32_t count) {
  std::vector<ReplicaGroup> groups;
  ReplicaGroup open;
  for (const DeviceId d : order) {
    const bool goes_on = !open.empty() && cluster.devices[d].host == cluster.devices[open.front()].host &&
                         cluster.devices[d].type == cluster.devices[open.front()].type;
    if (!goes_on) open.clear();
    open.push_back(d);
    if (open.size() < static_cast<std::size_t>(count)) continue;
    groups.push_back(std::move(open));
    open.clear();
  }
  return groups;
}

std::vector<LaneExchange> lane_exchanges(const TrainingGraph& training, const PlacementUnits& units,
                                         const Lanes& lanes) {
  const Graph& graph = training.graph;
  std::map<std::pair<std::string_view, bool>, FirstLane> by_source;
  for (const Flow& flow : units.flows) {
    const NodeId producer = graph.tensor(flow.tensor).producer;
    if (producer == kNone<NodeId> || training.phase[producer] == Phase::kUpdate) continue;
    if (training.is_accumulated(flow.tensor)) continue;
    const std::int64_t size = bytes(graph.tensor(flow.tensor).type);
    std::vector<bool> reads(static_cast<std::size_t>(lanes.count), false);
    for (const UnitId reader : flow.readers) reads[static_cast<std::size_t>(lanes.of[reader])] = true;
    reads[static_cast<std::size_t>(lanes.of[flow.from])] = false;
    FirstLane& first =
        by_source[{whole_of(name_of_unit(training, units, flow.from)), training.phase[producer] == Phase::kForward}];
    first.unit = flow.from;
    if (lanes.of[flow.from] == 0) first.sent += size * std::count(reads.begin(), reads.end(), true);
    if (reads[0]) first.received += size;
  }
  std::vector<LaneExchange> exchanges;
  for (const auto& [source, first] : by_source) {
    const std::int64_t most = std::max(first.sent, first.received);
    if (most > 0) exchanges.push_back({.bytes = most, .forward = source.second, .unit = first.unit});
  }
  return exchanges;
}

}  // namespace mp::partition
