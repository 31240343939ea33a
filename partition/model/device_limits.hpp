// What each device of a cluster may hold of a model.
#pragma once

#include "lib/cluster/cluster.hpp"
#include "lib/costs/costs.hpp"
#include "partition/graph/weighted_graph.hpp"

namespace mp::partition {

// How fast each device is at this model: Σ of its nodes' seconds on the first device's type / on the device's.
[[nodiscard]] IdVector<DeviceId, double> relative_speeds(const TrainingGraph& training, const PlacementUnits& units,
                                                         const Cluster& cluster);

// Compute: a device may take (1 + imbalance) × its share of the whole by speed. Memory: what the device has; where a
// cluster does not say (memory_bytes 0), (1 + imbalance) × an equal share.
[[nodiscard]] BalanceLimits device_limits(const WeightedGraph& graph, const Cluster& cluster,
                                          const IdVector<DeviceId, double>& speeds, double imbalance);

}  // namespace mp::partition
