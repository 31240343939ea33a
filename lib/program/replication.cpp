#include "lib/program/replication.hpp"

#include "lib/base/check.hpp"

namespace mp {

Replication::Replication(const std::vector<ReplicaGroup>& groups, std::int32_t devices)
    : members_(static_cast<std::size_t>(devices)),
      leader_(static_cast<std::size_t>(devices), kNone<DeviceId>),
      position_(static_cast<std::size_t>(devices), 0) {
  for (const ReplicaGroup& group : groups) {
    MP_CHECK(!group.empty());
    for (std::size_t i = 0; i < group.size(); ++i) {
      MP_CHECK(leader_.contains(group[i]) && leader_[group[i]] == kNone<DeviceId>);
      leader_[group[i]] = group.front();
      position_[group[i]] = static_cast<std::int32_t>(i);
    }
    members_[group.front()] = group;
    any_ = any_ || group.size() > 1;
  }
  for (const DeviceId d : ids<DeviceId>(leader_.size())) {
    if (leader_[d] != kNone<DeviceId>) continue;
    leader_[d] = d;
    members_[d] = {d};
  }
}

}  // namespace mp
