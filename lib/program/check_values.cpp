#include "lib/program/check_values.hpp"

#include <fmt/core.h>

#include "lib/operators/operator.hpp"

namespace mp {

ValueNames::ValueNames(const TrainingGraph& training)
    : training_(training),
      stored_over_(training.graph.tensors().size(), kNone<TensorId>),
      pass_updates_(training.graph.tensors().size(), 0),
      update_updates_(training.graph.tensors().size(), 0) {
  const Graph& graph = training.graph;
  for (const NodeId n : ids<NodeId>(graph.nodes().size())) {
    const Node& node = graph.node(n);
    for (const InPlace& pair : node.op->in_place) {
      if (pair.output >= node.outputs.size() || pair.input >= node.inputs.size()) continue;
      const TensorId output = node.outputs[pair.output];
      const TensorId input = node.inputs[pair.input];
      if (output == kNone<TensorId> || input == kNone<TensorId>) continue;
      if (graph.tensor(input).kind != TensorKind::kParameter) continue;
      stored_over_[output] = input;
      if (training.phase[n] == Phase::kUpdate) {
        ++update_updates_[input];
      } else {
        pass_updates_[input] += training.microbatches;
      }
    }
  }
}

TensorId ValueNames::viewed(TensorId tensor) const {
  for (NodeId n = training_.graph.tensor(tensor).producer; n != kNone<NodeId>;
       n = training_.graph.tensor(tensor).producer) {
    if (!training_.graph.node(n).op->is_view) break;
    tensor = training_.graph.node(n).inputs.front();
  }
  return tensor;
}

std::int32_t ValueNames::updates_before(Phase phase, TensorId parameter, std::int32_t microbatch) const {
  if (pass_updates_[parameter] == 0) return 0;
  return phase == Phase::kUpdate ? pass_updates_[parameter] : microbatch;
}

Value ValueNames::made(TensorId tensor, std::int32_t microbatch) const {
  tensor = viewed(tensor);
  const Tensor& t = training_.graph.tensor(tensor);
  if (t.kind == TensorKind::kParameter) return parameter(tensor, updates_before(Phase::kForward, tensor, microbatch));
  if (t.kind == TensorKind::kInput) return {tensor, microbatch, 1};
  const Phase phase = training_.phase[t.producer];
  if (stored_over_[tensor] != kNone<TensorId>) {
    return parameter(stored_over_[tensor], updates_before(phase, stored_over_[tensor], microbatch) + 1);
  }
  return phase == Phase::kUpdate ? Value{tensor, -1, 1} : Value{tensor, microbatch, 1};
}

Value ValueNames::read(NodeId reader, TensorId tensor, std::int32_t microbatch) const {
  const TensorId root = viewed(tensor);
  const Tensor& t = training_.graph.tensor(root);
  const Phase phase = training_.phase[reader];
  if (t.kind == TensorKind::kParameter) return parameter(root, updates_before(phase, root, microbatch));
  if (phase == Phase::kUpdate && t.kind == TensorKind::kActivation && training_.phase[t.producer] == Phase::kBackward) {
    return sum(root, training_.microbatches);
  }
  return made(root, microbatch);
}

Value ValueNames::sum(TensorId tensor, std::int32_t microbatches) const {
  const TensorId root = viewed(tensor);
  return microbatches == 1 ? made(root, 0) : Value{root, -1, microbatches};
}

Value ValueNames::sent(TensorId tensor, std::int32_t microbatch) const {
  const TensorId root = viewed(tensor);
  const Tensor& t = training_.graph.tensor(root);
  if (t.kind == TensorKind::kParameter) return parameter(root, updates_before(Phase::kForward, root, 0));
  const bool whole_sum =
      microbatch < 0 && t.kind == TensorKind::kActivation && training_.phase[t.producer] == Phase::kBackward;
  return whole_sum ? sum(root, training_.microbatches) : made(root, microbatch);
}

std::int32_t ValueNames::updates_of(TensorId parameter) const {
  return pass_updates_[parameter] + update_updates_[parameter];
}

std::string ValueNames::text(const Value& value) const {
  const Tensor& tensor = training_.graph.tensor(value.tensor);
  if (tensor.kind == TensorKind::kParameter) return fmt::format("{} after {} updates", tensor.name, value.count);
  if (value.microbatch < 0 && value.count > 1) return fmt::format("{} summed over {} mb", tensor.name, value.count);
  return value.microbatch < 0 ? tensor.name : fmt::format("{} mb{}", tensor.name, value.microbatch);
}

}  // namespace mp
