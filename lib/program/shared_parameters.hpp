// Which parameters replicas should share out.
#pragma once

#include <cstdint>
#include <vector>

#include "lib/program/replication.hpp"
#include "lib/training/flows.hpp"
#include "lib/training/training_graph.hpp"

namespace mp {

// Parameters that are spread over the members of their home's group: all but what passes update and what an optimizer
// keeps. By leader, in the graph's order.
[[nodiscard]] IdVector<DeviceId, std::vector<TensorId>> owned_parameters(const TrainingGraph& training,
                                                                         const Placement& placement,
                                                                         const Replication& replication);

// Positions in training.trained of those that share_out() (lib/program/share_out.hpp) gives several owners.
[[nodiscard]] std::vector<std::size_t> parameters_to_share(const TrainingGraph& training, const Placement& placement,
                                                           const Replication& replication);

}  // namespace mp
