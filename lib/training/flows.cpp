#include "lib/training/flows.hpp"

#include <algorithm>
#include <map>
#include <string>
#include <utility>

#include "lib/base/error.hpp"

namespace mp {
namespace {

// Units by colocation group, numbered by their first node.
void group_forward_nodes(const TrainingGraph& training, PlacementUnits& units) {
  std::map<std::string, UnitId> groups;
  for (const NodeId id : ids<NodeId>(static_cast<std::size_t>(training.forward_nodes))) {
    const Node& node = training.graph.node(id);
    UnitId unit = make_id<UnitId>(units.nodes.size());
    if (!node.colocate.empty()) unit = groups.emplace(node.colocate, unit).first->second;
    if (!units.nodes.contains(unit)) {
      units.nodes.push_back({});
      units.pinned.push_back(std::nullopt);
    }
    units.nodes[unit].push_back(id);
    units.unit_of[id] = unit;
  }
}

void pin_units(const TrainingGraph& training, PlacementUnits& units) {
  std::vector<Issue> issues;
  for (const UnitId unit : ids<UnitId>(units.nodes.size())) {
    for (const NodeId id : units.nodes[unit]) {
      const Node& node = training.graph.node(id);
      if (!node.device) continue;
      const DeviceId device = make_id<DeviceId>(*node.device);
      if (units.pinned[unit] && *units.pinned[unit] != device) {
        issues.push_back({node.name, "pinned to device " + std::to_string(*node.device) + ", but its group '" +
                                         node.colocate + "' to device " + std::to_string(index(*units.pinned[unit])) +
                                         ": a group shares one device"});
        continue;
      }
      units.pinned[unit] = device;
    }
  }
  if (!issues.empty()) throw InputError("<graph>", std::move(issues));
}

UnitId unit_that_holds(const TrainingGraph& training, const PlacementUnits& units, TensorId id) {
  const Tensor& tensor = training.graph.tensor(id);
  switch (tensor.kind) {
    case TensorKind::kInput:
      return kNone<UnitId>;
    case TensorKind::kParameter:
      return training.home[id] == kNone<NodeId> ? kNone<UnitId> : units.unit_of[training.home[id]];
    case TensorKind::kActivation:
      return units.unit_of[tensor.producer];
  }
  return kNone<UnitId>;
}

// Parameters, sums over the microbatches and what is made of them travel once a step.
bool travels_once(const TrainingGraph& training, TensorId id) {
  const Tensor& tensor = training.graph.tensor(id);
  if (tensor.kind == TensorKind::kParameter) return true;
  return training.phase[tensor.producer] == Phase::kUpdate || training.is_accumulated(id);
}

void add_flow(const TrainingGraph& training, TensorId id, PlacementUnits& units) {
  Flow flow{.tensor = id, .from = unit_that_holds(training, units, id), .readers = {}, .bytes_per_step = 0};
  if (flow.from == kNone<UnitId>) return;
  for (const NodeId reader : training.graph.consumers(id)) {
    if (units.unit_of[reader] != flow.from) flow.readers.push_back(units.unit_of[reader]);
  }
  std::sort(flow.readers.begin(), flow.readers.end());
  flow.readers.erase(std::unique(flow.readers.begin(), flow.readers.end()), flow.readers.end());
  if (flow.readers.empty()) return;
  flow.bytes_per_step =
      bytes(training.graph.tensor(id).type) * (travels_once(training, id) ? 1 : training.microbatches);
  units.flows.push_back(std::move(flow));
}

}  // namespace

PlacementUnits placement_units(const TrainingGraph& training) {
  PlacementUnits units;
  units.unit_of.assign(training.graph.nodes().size(), kNone<UnitId>);
  group_forward_nodes(training, units);
  pin_units(training, units);
  for (const NodeId id : ids<NodeId>(training.graph.nodes().size())) {
    units.unit_of[id] = units.unit_of[training.placed_with[id]];
  }
  for (const TensorId id : ids<TensorId>(training.graph.tensors().size())) add_flow(training, id, units);
  return units;
}

Traffic traffic(const PlacementUnits& units, const Placement& placement) {
  const auto device_of = [&](UnitId unit) { return placement[units.nodes[unit].front()]; };
  Traffic sum;
  std::vector<DeviceId> reached;
  for (const Flow& flow : units.flows) {
    reached.clear();
    for (const UnitId reader : flow.readers) {
      if (device_of(reader) != device_of(flow.from)) reached.push_back(device_of(reader));
    }
    sum.cut += flow.bytes_per_step * static_cast<std::int64_t>(reached.size());
    std::sort(reached.begin(), reached.end());
    const auto distinct = std::unique(reached.begin(), reached.end()) - reached.begin();
    sum.communication_volume += flow.bytes_per_step * distinct;
  }
  return sum;
}

}  // namespace mp
