// Who keeps a parameter, and who updates it, among replicas.
#pragma once

#include <cstdint>
#include <vector>

#include "lib/base/ids.hpp"
#include "lib/program/replication.hpp"
#include "lib/training/flows.hpp"
#include "lib/training/training_graph.hpp"

namespace mp {

// Each model parameter has an owner in the group of its home, or, where it has shares (lib/program/share_out.hpp), each
// of these: the first share the first member, and so on; what is whole largest first, to the member that owns the fewest
// bytes so far. State that the passes update is the leader's. ZeRO (Rajbhandari et al., SC 2020): from level 1 on optimizer
// state is the owner's alone, and so is the update; from level 3 on parameters are, too, and others fetch them.
class Ownership {
 public:
  Ownership(const TrainingGraph& training, const Placement& placement, const Replication& replication,
            std::int32_t zero);

  [[nodiscard]] DeviceId owner(TensorId parameter) const { return owner_[parameter]; }
  // Does this member of the home's group keep it between steps?
  [[nodiscard]] bool keeps(DeviceId member, TensorId parameter) const {
    return member == owner_[parameter] || !owner_alone_[parameter];
  }
  // Do devices that need it fetch it for each pass?
  [[nodiscard]] bool is_fetched(TensorId parameter) const { return fetched_[parameter]; }
  // Where an update node runs: the owner of its parameter, or who stands in the owner's place in another group, first;
  // the other members follow where each of them updates a parameter of its own.
  [[nodiscard]] std::vector<DeviceId> executors(NodeId update) const;
  // The parameter that an update node updates; kNone where it only works towards an update.
  [[nodiscard]] TensorId updated_by(NodeId update) const {
    return is_last_update_[update] ? updates_[update] : kNone<TensorId>;
  }
  // The parameters whose new value the owner sends to the other members.
  [[nodiscard]] bool sends_new_value(TensorId parameter) const { return sent_[parameter]; }

 private:
  void find_homes();
  void spread_over_members(DeviceId leader, const std::vector<TensorId>& parameters);
  void settle_optimizer_states();
  void find_parameters_of_updates();

  const TrainingGraph& training_;
  const Placement& placement_;
  const Replication& replication_;
  std::int32_t zero_;
  IdVector<TensorId, DeviceId> owner_;  // of parameters
  IdVector<TensorId, bool> owner_alone_;
  IdVector<TensorId, bool> fetched_;
  IdVector<TensorId, bool> sent_;
  IdVector<NodeId, TensorId> updates_;     // of update nodes: the parameter they work for
  IdVector<NodeId, bool> is_last_update_;  // the update itself, not a sum on the way to it
};

}  // namespace mp
