// Which device runs what, where groups of devices share the microbatches of one placement.
#pragma once

#include <cstdint>
#include <vector>

#include "lib/base/ids.hpp"
#include "lib/plan/plan.hpp"

namespace mp {

// A placement names leaders. Microbatch m of what is placed on the leader of a group of d runs on member m mod d
// (round robin, as in PipeDream: Narayanan et al., SOSP 2019, section 3.2). A device in no group leads a group of one.
class Replication {
 public:
  // Every device is in one group at most.
  Replication(const std::vector<ReplicaGroup>& groups, std::int32_t devices);

  [[nodiscard]] bool any() const { return any_; }  // is there a group of two or more?
  [[nodiscard]] std::size_t devices() const { return leader_.size(); }
  [[nodiscard]] std::int32_t size(DeviceId leader) const { return static_cast<std::int32_t>(members_[leader].size()); }
  [[nodiscard]] const std::vector<DeviceId>& members(DeviceId leader) const { return members_[leader]; }
  [[nodiscard]] DeviceId member(DeviceId leader, std::int32_t position) const {
    return members_[leader][static_cast<std::size_t>(position)];
  }
  [[nodiscard]] DeviceId device(DeviceId leader, std::int32_t microbatch) const {
    return member(leader, microbatch % size(leader));
  }
  [[nodiscard]] DeviceId leader(DeviceId device) const { return leader_[device]; }
  [[nodiscard]] std::int32_t position(DeviceId device) const { return position_[device]; }
  // How many of `microbatches` a member runs.
  [[nodiscard]] std::int32_t share(DeviceId device, std::int32_t microbatches) const {
    const std::int32_t d = size(leader(device));
    return (microbatches - position(device) + d - 1) / d;
  }

 private:
  IdVector<DeviceId, std::vector<DeviceId>> members_;  // by leader; of other members: empty
  IdVector<DeviceId, DeviceId> leader_;
  IdVector<DeviceId, std::int32_t> position_;
  bool any_ = false;
};

}  // namespace mp
