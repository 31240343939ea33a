#include "lib/costs/costs.hpp"

#include <algorithm>
#include <cmath>
#include <span>
#include <vector>

#include "lib/costs/signature.hpp"
#include "lib/operators/operator.hpp"

namespace mp {
namespace {

bool is_float(DataType type) { return type == DataType::kFloat32 || type == DataType::kBfloat16; }

// The type a node computes in: its first floating-point output, else input.
DataType element_type(const Graph& graph, const Node& node) {
  for (const std::vector<TensorId>* operands : {&node.outputs, &node.inputs}) {
    for (const TensorId t : *operands) {
      if (t != kNone<TensorId> && is_float(graph.tensor(t).type.type)) return graph.tensor(t).type.type;
    }
  }
  return DataType::kFloat32;
}

double peak_flops_per_s(const DeviceType& device, DataType type) {
  const auto found = device.flops_per_s.find(type);
  return found != device.flops_per_s.end() ? found->second : device.flops_per_s.at(DataType::kFloat32);
}

double memory_seconds(double moved_bytes, DataType element, const DeviceType& type) {
  return moved_bytes /
         (type.memory_bandwidth_bytes_per_s * efficiency(type.efficiency, WorkClass::kMemory, element, moved_bytes));
}

// The tensor's bytes, moved `times` times.
double move_seconds(const Tensor& tensor, double times, const DeviceType& type) {
  return memory_seconds(times * static_cast<double>(bytes(tensor.type)), tensor.type.type, type);
}

// The tensor whose bytes `t` is: through the views it was made by.
TensorId viewed_tensor(const Graph& graph, TensorId t) {
  for (;;) {
    const NodeId producer = graph.tensor(t).producer;
    if (producer == kNone<NodeId> || !graph.node(producer).op->is_view) return t;
    t = graph.node(producer).inputs.front();
  }
}

// Tensors made by forward nodes whose bytes some backward node reads.
IdVector<TensorId, bool> kept_for_backward(const TrainingGraph& training) {
  const Graph& graph = training.graph;
  IdVector<TensorId, bool> kept(graph.tensors().size(), false);
  for (const TensorId t : ids<TensorId>(graph.tensors().size())) {
    const NodeId producer = graph.tensor(t).producer;
    if (producer == kNone<NodeId> || training.phase[producer] != Phase::kForward) continue;
    const std::span<const NodeId> readers = graph.consumers(t);
    if (std::any_of(readers.begin(), readers.end(), [&](NodeId n) { return training.phase[n] == Phase::kBackward; })) {
      kept[viewed_tensor(graph, t)] = true;
    }
  }
  return kept;
}

// Seconds, FLOPs, and the bytes that live with the nodes themselves.
void add_nodes(const TrainingGraph& training, const PlacementUnits& units, const DeviceType& type,
               IdVector<UnitId, UnitCost>& costs) {
  const Graph& graph = training.graph;
  for (const NodeId n : ids<NodeId>(graph.nodes().size())) {
    const double runs = training.phase[n] == Phase::kUpdate ? 1.0 : training.microbatches;
    UnitCost& cost = costs[units.unit_of[n]];
    cost.compute_s += runs * node_seconds(graph, n, type);
    if (!graph.node(n).op->is_opaque) cost.flops += runs * cost_of(graph, n).flops;
    if (training.phase[n] == Phase::kForward && graph.node(n).cost) {
      cost.parameter_bytes += graph.node(n).cost->parameter_bytes;
    }
  }
}

void add_parameters(const TrainingGraph& training, const PlacementUnits& units, IdVector<UnitId, UnitCost>& costs) {
  const Graph& graph = training.graph;
  IdVector<TensorId, bool> is_state(graph.tensors().size(), false);
  for (const TrainedParameter& trained : training.trained) {
    for (const TensorId state : trained.state) is_state[state] = true;
  }
  for (const GraphParameter& parameter : graph.parameters()) {
    const NodeId home = training.home[parameter.tensor];
    if (home == kNone<NodeId>) continue;
    UnitCost& cost = costs[units.unit_of[home]];
    (is_state[parameter.tensor] ? cost.state_bytes : cost.parameter_bytes) +=
        bytes(graph.tensor(parameter.tensor).type);
  }
}

void add_activations(const TrainingGraph& training, const PlacementUnits& units, IdVector<UnitId, UnitCost>& costs) {
  const Graph& graph = training.graph;
  const IdVector<TensorId, bool> kept = kept_for_backward(training);
  for (const TensorId t : ids<TensorId>(graph.tensors().size())) {
    const Tensor& tensor = graph.tensor(t);
    if (tensor.producer == kNone<NodeId>) continue;
    UnitCost& cost = costs[units.unit_of[tensor.producer]];
    if (kept[t]) cost.activation_bytes += bytes(tensor.type);
    if (training.is_accumulated(t)) cost.state_bytes += bytes(tensor.type);
  }
}

}  // namespace

double node_seconds(const Graph& graph, NodeId id, const DeviceType& type, std::int32_t active) {
  const Node& node = graph.node(id);
  if (node.cost) {
    const auto found = node.cost->forward_s_by_type.find(type.name);
    const bool runs_there = found != node.cost->forward_s_by_type.end() && std::isfinite(found->second);
    return runs_there ? found->second : node.cost->forward_s;
  }
  if (node.op->is_view) return 0.0;
  if (type.measured) {
    if (const auto seconds = type.measured->seconds(signature(graph, id), active)) {
      return *seconds * signature_scale(graph, id);
    }
  }
  const OperatorCost cost = cost_of(graph, id);
  const DataType element = element_type(graph, node);
  const double flops_per_s =
      peak_flops_per_s(type, element) * efficiency(type.efficiency, node.op->work, element, cost.flops);
  return type.launch_overhead_s +
         std::max(cost.flops / flops_per_s, memory_seconds(cost.bytes_read + cost.bytes_written, element, type));
}

double feed_seconds(const Graph& graph, TensorId input, const DeviceType& type, std::int32_t active) {
  if (type.measured) {
    if (const auto seconds = type.measured->seconds(feed_signature(graph, input), active)) return *seconds;
  }
  return move_seconds(graph.tensor(input), 1.0, type);
}

double copy_seconds(const Graph& graph, TensorId tensor, const DeviceType& type, std::int32_t active) {
  if (type.measured) {
    if (const auto seconds = type.measured->seconds(copy_signature(graph, tensor), active)) return *seconds;
  }
  return type.launch_overhead_s + move_seconds(graph.tensor(tensor), 2.0, type);
}

double accumulate_seconds(const Graph& graph, TensorId tensor, const DeviceType& type, std::int32_t active) {
  if (type.measured) {
    if (const auto seconds = type.measured->seconds(accumulate_signature(graph, tensor), active)) return *seconds;
  }
  return type.launch_overhead_s + move_seconds(graph.tensor(tensor), 3.0, type);
}

bool can_run(const Graph& graph, NodeId id, const DeviceType& type) {
  const Node& node = graph.node(id);
  if (!node.cost) return true;
  const auto found = node.cost->forward_s_by_type.find(type.name);
  return found == node.cost->forward_s_by_type.end() || std::isfinite(found->second);
}

IdVector<UnitId, UnitCost> unit_costs(const TrainingGraph& training, const PlacementUnits& units,
                                      const DeviceType& type) {
  IdVector<UnitId, UnitCost> costs(units.nodes.size());
  add_nodes(training, units, type, costs);
  add_parameters(training, units, costs);
  add_activations(training, units, costs);
  return costs;
}

}  // namespace mp
