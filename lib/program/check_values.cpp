#include "lib/program/check_values.hpp"

#include <fmt/core.h>

#include "lib/operators/operator.hpp"

namespace mp {

ValueNames::ValueNames(const Program& program)
    : training_(program.training),
      placement_(program.placement),
      zero_(program.zero),
      replication_(program.replicas, static_cast<std::int32_t>(program.devices.size())),
      stored_over_(training_.graph.tensors().size(), kNone<TensorId>),
      pass_updates_(training_.graph.tensors().size(), 0),
      update_updates_(training_.graph.tensors().size(), 0) {
  const Graph& graph = training_.graph;
  for (const NodeId n : ids<NodeId>(graph.nodes().size())) {
    const Node& node = graph.node(n);
    for (const InPlace& pair : node.op->in_place) {
      if (pair.output >= node.outputs.size() || pair.input >= node.inputs.size()) continue;
      const TensorId output = node.outputs[pair.output];
      const TensorId input = node.inputs[pair.input];
      if (output == kNone<TensorId> || input == kNone<TensorId>) continue;
      if (graph.tensor(input).kind != TensorKind::kParameter) continue;
      stored_over_[output] = input;
      ++(training_.phase[n] == Phase::kUpdate ? update_updates_ : pass_updates_)[input];
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

std::int32_t ValueNames::replicas_at_home(TensorId parameter) const {
  const NodeId home = training_.home[parameter];
  return home == kNone<NodeId> ? 1 : replication_.size(placement_[home]);
}

// Each replica updates a state of its own, with its microbatches.
std::int32_t ValueNames::updates_before(Phase phase, TensorId parameter, std::int32_t microbatch) const {
  if (pass_updates_[parameter] == 0) return 0;
  const std::int32_t passed = phase == Phase::kUpdate ? training_.microbatches : microbatch;
  return passed / replicas_at_home(parameter);
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
    return whole_sum(root);
  }
  return made(root, microbatch);
}

Value ValueNames::sum(TensorId tensor, std::int32_t replica, std::int32_t count) const {
  const TensorId root = viewed(tensor);
  if (count == 1) return made(root, replica);
  return {.tensor = root, .microbatch = -1, .count = count, .replica = replica};
}

Value ValueNames::sum_of_replica(TensorId tensor, std::int32_t replica) const {
  const std::int32_t replicas = replicas_of(tensor);
  return sum(tensor, replica, (training_.microbatches - replica + replicas - 1) / replicas);
}

Value ValueNames::sum_of_replicas(TensorId tensor, std::int32_t replicas) const {
  if (replicas == 1) return sum_of_replica(tensor, 0);
  return {.tensor = viewed(tensor), .microbatch = -1, .count = replicas, .replica = Value::kAll};
}

Value ValueNames::sum_in_turn(TensorId tensor, std::int32_t count) const {
  const TensorId root = viewed(tensor);
  if (count == 1) return made(root, 0);
  return {.tensor = root, .microbatch = -1, .count = count, .replica = Value::kInTurn};
}

Value ValueNames::sum_of_turn(TensorId tensor, std::int32_t first_microbatch) const {
  Value sum = sum_in_turn(tensor, replicas_of(tensor));
  if (first_microbatch > 0) sum.microbatch = first_microbatch;
  return sum;
}

bool ValueNames::is_added_in_turn(TensorId tensor) const { return zero_ >= 2 && replicas_of(tensor) > 1; }

Value ValueNames::whole_sum(TensorId tensor) const {
  return is_added_in_turn(tensor) ? sum_in_turn(tensor, training_.microbatches)
                                  : sum_of_replicas(tensor, replicas_of(tensor));
}

std::int32_t ValueNames::replicas_of(TensorId tensor) const {
  return replication_.size(placement_[training_.placed_with[training_.graph.tensor(viewed(tensor)).producer]]);
}

bool ValueNames::may_be_sent(const Value& value, TensorId tensor, std::int32_t microbatch) const {
  const TensorId root = viewed(tensor);
  const Tensor& t = training_.graph.tensor(root);
  const bool is_sum =
      microbatch < 0 && t.kind == TensorKind::kActivation && training_.phase[t.producer] == Phase::kBackward;
  if (is_sum) {
    if (is_added_in_turn(root)) return value == whole_sum(root);
    for (std::int32_t replica = 0; replica < replicas_of(root); ++replica) {
      if (value == sum_of_replica(root, replica)) return true;
    }
    return value == sum_of_replicas(root, replicas_of(root));
  }
  if (t.kind != TensorKind::kParameter) return value == made(root, microbatch);
  return value == parameter(root, 0) || value == parameter(root, update_updates_[root]);
}

Value ValueNames::expected(TensorId tensor, std::int32_t microbatch) const {
  const TensorId root = viewed(tensor);
  const Tensor& t = training_.graph.tensor(root);
  if (t.kind == TensorKind::kParameter) return parameter(root, 0);
  const bool is_sum =
      microbatch < 0 && t.kind == TensorKind::kActivation && training_.phase[t.producer] == Phase::kBackward;
  return is_sum ? whole_sum(root) : made(root, microbatch);
}

std::int32_t ValueNames::updates_of(TensorId parameter, DeviceId device) const {
  return pass_updates_[parameter] * replication_.share(device, training_.microbatches) + update_updates_[parameter];
}

std::string ValueNames::text(const Value& value) const {
  const Tensor& tensor = training_.graph.tensor(value.tensor);
  if (value == unfinished(value.tensor)) return tensor.name + " of a collective that is not finished";
  if (tensor.kind == TensorKind::kParameter) return fmt::format("{} after {} updates", tensor.name, value.count);
  if (value.replica == Value::kAll) return fmt::format("{} summed over {} replicas", tensor.name, value.count);
  if (value.replica == Value::kInTurn && value.microbatch > 0) {
    return fmt::format("{} summed over {} mb from mb{} on", tensor.name, value.count, value.microbatch);
  }
  if (value.replica == Value::kInTurn) {
    return fmt::format("{} summed over the first {} mb of all replicas", tensor.name, value.count);
  }
  const std::string whose = value.replica == 0 ? "" : fmt::format(" of replica {}", value.replica);
  if (value.microbatch < 0 && value.count > 1) {
    return fmt::format("{} summed over {} mb{}", tensor.name, value.count, whose);
  }
  return value.microbatch < 0 ? tensor.name : fmt::format("{} mb{}", tensor.name, value.microbatch);
}

}  // namespace mp
