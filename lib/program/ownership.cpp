#include "lib/program/ownership.hpp"

#include <algorithm>
#include <utility>

#include "lib/program/share_out.hpp"
#include "lib/program/shared_parameters.hpp"

namespace mp {

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
  for (const GraphParameter& parameter : training_.graph.parameters()) {
    const NodeId home = training_.home[parameter.tensor];
    if (home != kNone<NodeId>) owner_[parameter.tensor] = placement_[home];
  }
  const IdVector<DeviceId, std::vector<TensorId>> owned = owned_parameters(training_, placement_, replication_);
  for (const DeviceId leader : ids<DeviceId>(owned.size())) {
    for (const TensorId t : owned[leader]) fetched_[t] = owner_alone_[t] = zero_ >= 3;
    spread_over_members(leader, owned[leader]);
  }
}

// Shares belong to the members in their order. What has shares is owned by nobody: the leader stands for it.
void Ownership::spread_over_members(DeviceId leader, const std::vector<TensorId>& parameters) {
  const auto size_of_tensor = [&](TensorId t) { return bytes(training_.graph.tensor(t).type); };
  std::vector<std::int64_t> owned(replication_.members(leader).size(), 0);
  std::vector<TensorId> whole;
  std::vector<std::int64_t> sizes;
  for (const TensorId t : parameters) {
    if (training_.whole_of_share.contains(t)) continue;
    const auto shared = training_.shares.find(t);
    if (shared == training_.shares.end()) {
      whole.push_back(t);
      sizes.push_back(size_of_tensor(t));
      continue;
    }
    for (std::size_t i = 0; i < shared->second.size(); ++i) {
      owner_[shared->second[i]] = replication_.members(leader)[i];
      owned[i] += size_of_tensor(shared->second[i]);
    }
  }
  const std::vector<std::size_t> positions = spread(sizes, owned);
  for (std::size_t i = 0; i < whole.size(); ++i) owner_[whole[i]] = replication_.members(leader)[positions[i]];
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
