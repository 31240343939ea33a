// What each device of a cluster may hold of a model.
#pragma once

#include <cstdint>
#include <vector>

#include "lib/cluster/cluster.hpp"
#include "lib/costs/costs.hpp"
#include "partition/graph/weighted_graph.hpp"

namespace mp::partition {

// How fast each device is at this model: Σ of its nodes' seconds on the first device's type / on the device's.
[[nodiscard]] IdVector<DeviceId, double> relative_speeds(const TrainingGraph& training, const PlacementUnits& units,
                                                         const Cluster& cluster);

struct DeviceRoom {
  BalanceLimits limits;
  std::vector<BlockId> fixed;  // empty, or for every vertex its block or kNone
  // Whether what holds for these places of the heavy vertices holds for all: each has a device of its own, and the
  // devices differ in name alone.
  bool general = true;
};

// How much more than its share a device may hold.
struct AllowedImbalance {
  double compute = 0.0;
  double memory = 0.0;
};

// Compute: a device may take (1 + imbalance) × its share of the whole by speed. Memory: what the device has; where a
// cluster does not say (memory_bytes 0), (1 + imbalance) × an equal share. `pinned`: as DeviceRoom::fixed.
//
// kNone: these limits, nothing else. Otherwise room is made for what cannot be spread: among equal devices, a vertex
// heavier than the share of a device is fixed to a device whose limits are raised to hold it (one device may take a
// vertex heavy in compute and another heavy in memory), and the share is that of the rest of the weight over the rest
// of the devices; what is pinned to a device fits it. The memory a device has is never exceeded.
//   kInOrder   heavy vertices go where they stand in the order of the vertices: devices along the model
//   kTogether  they go to as few devices as possible: shared parameters need not travel
enum class HeavyPlacing : std::uint8_t { kNone, kInOrder, kTogether };

[[nodiscard]] DeviceRoom device_room(const WeightedGraph& graph, const Cluster& cluster,
                                     const IdVector<DeviceId, double>& speeds, AllowedImbalance imbalance,
                                     const std::vector<BlockId>& pinned, HeavyPlacing placing);

}  // namespace mp::partition
