#include "lib/program/residences.hpp"

#include <algorithm>
#include <optional>
#include <span>

#include "lib/base/check.hpp"
#include "lib/operators/operator.hpp"

namespace mp {
namespace {

// The input that output `position` of the node is stored over, if any.
std::optional<std::size_t> in_place_input(const Node& node, std::size_t position) {
  for (const InPlace& pair : node.op->in_place) {
    if (pair.output == position && pair.input < node.inputs.size() && node.inputs[pair.input] != kNone<TensorId>) {
      return pair.input;
    }
  }
  return std::nullopt;
}

}  // namespace

Residences::Residences(const TrainingGraph& training, const Placement& placement,
                       const IdVector<NodeId, DeviceId>& device_of)
    : training_(training),
      device_of_(device_of),
      first_(training.graph.tensors().size(), kNone<ResidenceId>),
      last_(training.graph.tensors().size(), kNone<ResidenceId>),
      accumulated_(training.graph.tensors().size(), false) {
  for (const TensorId t : ids<TensorId>(accumulated_.size())) accumulated_[t] = training.is_accumulated(t);
  add_parameters(placement);
  for (const NodeId n : ids<NodeId>(training.graph.nodes().size())) {
    if (training.phase[n] == Phase::kUpdate) continue;
    add_reads(n);
    add_outputs(n);
  }
}

ResidenceId Residences::find(TensorId tensor, DeviceId device, bool is_sum) const {
  ResidenceId r = first_[tensor];
  while (r != kNone<ResidenceId> && (residences_[r].device != device || residences_[r].is_sum != is_sum)) {
    r = residences_[r].next;
  }
  return r;
}

ResidenceId Residences::add(Residence residence) {
  const TensorId tensor = residence.tensor;
  const ResidenceId id = residences_.push_back(residence);
  if (residence.buffer_of == kNone<ResidenceId>) residences_[id].buffer_of = id;
  (first_[tensor] == kNone<ResidenceId> ? first_[tensor] : residences_[last_[tensor]].next) = id;
  last_[tensor] = id;
  return id;
}

// A parameter that no node reads lives on device 0.
void Residences::add_parameters(const Placement& placement) {
  for (const GraphParameter& parameter : training_.graph.parameters()) {
    const NodeId home = training_.home[parameter.tensor];
    add({.tensor = parameter.tensor,
         .device = home == kNone<NodeId> ? DeviceId{0} : placement[home],
         .origin = Residence::Origin::kParameter,
         .once_a_step = true});
  }
}

void Residences::add_reads(NodeId node) {
  for (const TensorId t : training_.graph.node(node).inputs) {
    if (t == kNone<TensorId> || read_by(node, t) != kNone<ResidenceId>) continue;
    const Tensor& tensor = training_.graph.tensor(t);
    const bool fed = tensor.kind == TensorKind::kInput;
    add({.tensor = t,
         .device = device_of_[node],
         .origin = fed ? Residence::Origin::kFed : Residence::Origin::kReceived,
         .once_a_step = tensor.kind == TensorKind::kParameter});
  }
}

Residence Residences::made_by(NodeId node, std::size_t position) const {
  const Node& n = training_.graph.node(node);
  const TensorId t = n.outputs[position];
  Residence made{.tensor = t, .device = device_of_[node]};
  if (n.op->is_view) {
    const Residence& viewed = residences_[read_by(node, n.inputs.front())];
    made.buffer_of = viewed.buffer_of;
    made.once_a_step = viewed.once_a_step;
    return made;
  }
  const std::optional<std::size_t> over = in_place_input(n, position);
  if (!over) return made;
  const ResidenceId parameter = read_by(node, n.inputs[*over]);
  if (training_.graph.tensor(n.inputs[*over]).kind != TensorKind::kParameter) return made;
  MP_CHECK(residences_[parameter].origin == Residence::Origin::kParameter);  // it lives with the node that updates it
  made.copied_from_state = !training_.graph.consumers(t).empty();
  if (made.copied_from_state) return made;
  made.buffer_of = parameter;
  made.once_a_step = true;
  return made;
}

bool Residences::read_by_updates_alone(TensorId tensor) const {
  const std::span<const NodeId> readers = training_.graph.consumers(tensor);
  return std::all_of(readers.begin(), readers.end(), [&](NodeId n) { return training_.phase[n] == Phase::kUpdate; });
}

void Residences::add_outputs(NodeId node) {
  const Node& n = training_.graph.node(node);
  for (std::size_t i = 0; i < n.outputs.size(); ++i) {
    if (n.outputs[i] == kNone<TensorId>) continue;
    add(made_by(node, i));
    if (!accumulated_[n.outputs[i]]) continue;
    MP_CHECK(!n.op->is_view && read_by_updates_alone(n.outputs[i]));  // microbatch 0 writes it into its accumulator
    add({.tensor = n.outputs[i], .device = device_of_[node], .is_sum = true, .once_a_step = true});
  }
}

}  // namespace mp
