// No plan can make a step shorter than this.
#pragma once

#include "lib/cluster/cluster.hpp"
#include "lib/training/flows.hpp"
#include "lib/training/training_graph.hpp"

namespace mp::partition {

// Seconds that every plan with the graph's number of microbatches takes at least in the simulator, wherever its nodes
// are placed, under any schedule; the greatest of
//   work   all work spread without a rest over all devices, each node as on the type best for it;
//   way    for each placement unit: the longest way of a microbatch to it, its own work on the microbatches that fall
//   to
//          one device (all of them without replicas), and the longest way from there to the end.
// Transfers count nothing.
[[nodiscard]] double step_lower_bound(const TrainingGraph& training, const PlacementUnits& units,
                                      const Cluster& cluster, bool replicas);

}  // namespace mp::partition
