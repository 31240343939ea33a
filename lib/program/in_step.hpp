// Groups of replicas that do the same in the same order.
#pragma once

#include <vector>

#include "lib/base/ids.hpp"
#include "lib/program/node_order.hpp"
#include "lib/program/replication.hpp"

namespace mp {

// By leader: groups of two or more whose members run the same nodes one after another, the k-th microbatch of one where
// the others run their k-th, so that all come to what they do together in one order. `leader_of` nodes; `runs` as
// order_nodes gives them.
[[nodiscard]] IdVector<DeviceId, bool> groups_in_step(const std::vector<NodeRun>& runs,
                                                      const IdVector<NodeId, DeviceId>& leader_of,
                                                      const Replication& replication);

}  // namespace mp
