// Tensor parallelism as the search sees it: a stage is a few devices side by side, its lanes, and part i of every node
// in parts lies on the i-th of them (Shoeybi et al., Megatron-LM, 2019; with pipelines and replicas: Narayanan et al.,
// SC 2021).
#pragma once

#include <cstdint>
#include <vector>

#include "lib/cluster/cluster.hpp"
#include "lib/plan/plan.hpp"
#include "lib/training/flows.hpp"
#include "lib/training/training_graph.hpp"

namespace mp::partition {

// Which lane each unit runs on; whatever is no part: the first.
struct Lanes {
  std::int32_t count = 1;
  IdVector<UnitId, std::int32_t> of;
};

// How many parts a node of the model has at most; 1: none is in parts.
[[nodiscard]] std::int32_t most_parts(const TrainingGraph& training);

// Parts by their names (part_of()); with more parts than lanes, these go round.
[[nodiscard]] Lanes lanes_of(const TrainingGraph& training, const PlacementUnits& units, std::int32_t count);

// The devices in `order` as groups of so many of one host and type that follow each other; those that are left over
// are in none. The first of a group leads it.
[[nodiscard]] std::vector<ReplicaGroup> lane_groups(const Cluster& cluster, const std::vector<DeviceId>& order,
                                                    std::int32_t count);

// What the lanes of a stage send each other.
struct LaneExchange {
  std::int64_t bytes = 0;  // that the first lane sends or receives, whichever is more
  bool forward = false;
  UnitId unit = kNone<UnitId>;  // one of the senders
};

// A microbatch's, for every node in parts (or node that parts read): all parts of it send at the same time. Parameters
// and their gradients are left out.
[[nodiscard]] std::vector<LaneExchange> lane_exchanges(const TrainingGraph& training, const PlacementUnits& units,
                                                       const Lanes& lanes);

}  // namespace mp::partition
