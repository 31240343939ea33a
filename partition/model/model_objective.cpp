#include "partition/model/model_objective.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "lib/base/error.hpp"

namespace mp::partition {
namespace {

constexpr std::array<std::pair<ModelObjective, std::string_view>, 3> kNames = {{
    {ModelObjective::kCut, "cut"},
    {ModelObjective::kVolume, "volume"},
    {ModelObjective::kMapping, "mapping"},
}};

VertexId vertex_of(UnitId unit) { return make_id<VertexId>(index(unit)); }

}  // namespace

std::string_view name_of(ModelObjective objective) { return kNames[static_cast<std::size_t>(objective)].second; }

std::optional<ModelObjective> find_objective(std::string_view name) {
  for (const auto& [objective, known] : kNames) {
    if (known == name) return objective;
  }
  return std::nullopt;
}

TensorHyperedges hyperedges_of(const PlacementUnits& units) {
  TensorHyperedges tensors;
  for (const Flow& flow : units.flows) {
    std::vector<VertexId> readers;
    for (const UnitId reader : flow.readers) readers.push_back(vertex_of(reader));
    tensors.add(vertex_of(flow.from), std::move(readers), flow.bytes_per_step);
  }
  return tensors;
}

Distances distances_of(const Cluster& cluster) {
  const auto devices = cluster.devices.size();
  const auto slower = [&](DeviceId a, DeviceId b) {
    return std::min(cluster.link(a, b).bandwidth_bytes_per_s, cluster.link(b, a).bandwidth_bytes_per_s);
  };
  double fastest = 0.0;
  for (const DeviceId a : ids<DeviceId>(devices)) {
    for (const DeviceId b : ids<DeviceId>(devices)) {
      if (a != b) fastest = std::max(fastest, slower(a, b));
    }
  }
  Distances distances{.devices = static_cast<std::int32_t>(devices),
                      .matrix = std::vector<Weight>(devices * devices, 0)};
  for (const DeviceId a : ids<DeviceId>(devices)) {
    for (const DeviceId b : ids<DeviceId>(devices)) {
      if (a != b) distances.matrix[index(a) * devices + index(b)] = std::llround(fastest / slower(a, b));
    }
  }
  return distances;
}

TaskDag forward_dag(const TrainingGraph& training, const PlacementUnits& units, WeightedGraph graph) {
  std::vector<Arc> arcs;
  for (const NodeId id : ids<NodeId>(static_cast<std::size_t>(training.forward_nodes))) {
    for (const TensorId output : training.graph.node(id).outputs) {
      if (output == kNone<TensorId>) continue;
      for (const NodeId reader : training.graph.consumers(output)) {
        if (training.phase[reader] != Phase::kForward) continue;
        arcs.push_back({.from = vertex_of(units.unit_of[id]), .to = vertex_of(units.unit_of[reader])});
      }
    }
  }
  try {
    return make_task_dag(std::move(graph), arcs);
  } catch (const InputError& error) {
    throw InputError("<model>", Issue{"",
                                      "colocation groups make a circle of units that need each other's results, so no "
                                      "acyclic placement exists (" +
                                          std::string(error.what()) + ")"});
  }
}

}  // namespace mp::partition
