#include "lib/program/ownership.hpp"

#include <algorithm>
#include <utility>

#include "lib/operators/operator.hpp"

namespace mp {
namespace {

// Parameters that forward or backward nodes update in place.
IdVector<TensorId, bool> updated_by_passes(const TrainingGraph& training) {
  IdVector<TensorId, bool> updated(training.graph.tensors().size(), false);
  for (const NodeId n : ids<NodeId>(training.graph.nodes().size())) {
    if (training.phase[n] == Phase::kUpdate) continue;
    const Node& node = training.graph.node(n);
    for (const InPlace& pair : node.op->in_place) {
      const bool present = pair.output < node.outputs.size() && node.outputs[pair.output] != kNone<TensorId> &&
                           pair.input < node.inputs.size() && node.inputs[pair.input] != kNone<TensorId>;
      if (present) updated[node.inputs[pair.input]] = true;
    }
  }
  return updated;
}

}  // namespace

Ownership::Ownership(const TrainingGraph& training, const Placement& placement, const Replication& replication,
                     std::int32_t zero)
    : training_(training),
      placement_(placement),
      replication_(replication),
      zero_(zero),
      owner_(training.graph.tensors().size(), DeviceId{0}),
      owner_alone_(training.graph.tensors().size(), false),
      fetched_(training.graph.tensors().size(), false),
      sent_(training.graph.tensors().size(), false),
      updates_(training.graph.nodes().size(), kNone<TensorId>),
      is_last_update_(training.graph.nodes().size(), false) {
  find_homes();
  settle_optimizer_states();
  find_parameters_of_updates();
}

// A parameter that no node reads lives on device 0.
void Ownership::find_homes() {
  const IdVector<TensorId, bool> is_state = updated_by_passes(training_);
  IdVector<TensorId, bool> follows(training_.graph.tensors().size(), false);  // optimizer state: its parameter
  for (const TrainedParameter& trained : training_.trained) {
    for (const TensorId state : trained.state) follows[state] = true;
  }
  std::vector<TensorId> shared;
  for (const GraphParameter& parameter : training_.graph.parameters()) {
    const TensorId t = parameter.tensor;
    if (training_.home[t] != kNone<NodeId>) owner_[t] = placement_[training_.home[t]];
    if (is_state[t] || follows[t] || replication_.size(owner_[t]) == 1) continue;
    shared.push_back(t);
    fetched_[t] = owner_alone_[t] = zero_ >= 3;
  }
  spread(shared);
}

void Ownership::spread(const std::vector<TensorId>& parameters) {
  const auto size_of = [&](TensorId t) { return bytes(training_.graph.tensor(t).type); };
  std::vector<TensorId> by_size = parameters;
  std::stable_sort(by_size.begin(), by_size.end(), [&](TensorId a, TensorId b) { return size_of(a) > size_of(b); });
  IdVector<DeviceId, std::int64_t> owned(replication_.devices(), 0);
  for (const TensorId t : by_size) {
    const std::vector<DeviceId>& members = replication_.members(owner_[t]);
    owner_[t] = *std::min_element(members.begin(), members.end(),
                                  [&](DeviceId a, DeviceId b) { return owned[a] < owned[b]; });  // the first of equals
    owned[owner_[t]] += size_of(t);
  }
}

void Ownership::settle_optimizer_states() {
  for (const TrainedParameter& trained : training_.trained) {
    const DeviceId owner = owner_[trained.parameter];
    for (const TensorId state : trained.state) {
      owner_[state] = owner;
      owner_alone_[state] = zero_ >= 1;
    }
    const bool is_shared = replication_.size(replication_.leader(owner)) > 1;
    sent_[trained.parameter] = is_shared && (zero_ == 1 || zero_ == 2);
  }
}

// Sums on the way to a gradient work for its parameter; what clips, for that of the first gradient it is made of.
void Ownership::find_parameters_of_updates() {
  IdVector<TensorId, TensorId> parameter_of(training_.graph.tensors().size(), kNone<TensorId>);  // of gradients
  for (const TrainedParameter& trained : training_.trained) {
    is_last_update_[trained.update] = true;
    updates_[trained.update] = parameter_of[trained.gradient] = trained.parameter;
    std::vector<TensorId> sums = {trained.gradient};
    for (std::size_t i = 0; i < sums.size(); ++i) {
      const NodeId from = training_.graph.tensor(sums[i]).producer;
      if (from == kNone<NodeId> || training_.phase[from] != Phase::kUpdate) continue;
      updates_[from] = trained.parameter;
      for (const TensorId t : training_.graph.node(from).inputs) {
        if (t != kNone<TensorId>) sums.push_back(t);
      }
    }
  }
  for (const NodeId n : ids<NodeId>(updates_.size())) {
    if (training_.phase[n] != Phase::kUpdate || updates_[n] != kNone<TensorId>) continue;
    const TensorId first = training_.graph.node(n).inputs.front();
    const NodeId from = training_.graph.tensor(first).producer;
    updates_[n] = parameter_of[first] != kNone<TensorId> ? parameter_of[first] : updates_[from];
  }
}

std::vector<DeviceId> Ownership::executors(NodeId update) const {
  const DeviceId leader = placement_[training_.placed_with[update]];
  const TensorId parameter = updates_[update];
  const std::int32_t of_owner = parameter == kNone<TensorId> ? 0 : replication_.position(owner_[parameter]);
  std::vector<DeviceId> devices = {replication_.device(leader, of_owner)};
  if (zero_ > 0 || !is_last_update_[update]) return devices;
  for (const DeviceId d : replication_.members(leader)) {
    if (d != devices.front()) devices.push_back(d);
  }
  return devices;
}

}  // namespace mp
