#include "lib/program/in_step.hpp"

#include <algorithm>
#include <utility>

namespace mp {

IdVector<DeviceId, bool> groups_in_step(const std::vector<NodeRun>& runs, const IdVector<NodeId, DeviceId>& leader_of,
                                        const Replication& replication) {
  IdVector<DeviceId, std::vector<std::pair<NodeId, std::int32_t>>> lists(replication.devices());  // node, turn
  for (const NodeRun& run : runs) {
    const DeviceId leader = leader_of[run.node];
    const std::int32_t turn = run.microbatch / replication.size(leader);
    lists[replication.device(leader, run.microbatch)].emplace_back(run.node, turn);
  }
  IdVector<DeviceId, bool> in_step(replication.devices(), false);
  for (const DeviceId leader : ids<DeviceId>(in_step.size())) {
    const std::vector<DeviceId>& members = replication.members(leader);
    in_step[leader] = members.size() > 1 && std::all_of(members.begin(), members.end(), [&](DeviceId member) {
                        return lists[member] == lists[leader];
                      });
  }
  return in_step;
}

}  // namespace mp
