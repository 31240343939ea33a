// Partitions as nested as the cluster: first over hosts, then inside each.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "partition/graph/weighted_graph.hpp"
#include "partition/mapping/objective.hpp"

namespace mp::partition {

// A graph, its limits, and for every vertex its block or kNone (or nothing at all) → an assignment.
using Partitioner = std::function<Assignment(const WeightedGraph&, const BalanceLimits&, std::span<const BlockId>)>;

// Group of every device: devices nearer to each other than the farthest two are together, if that makes at least two
// groups; otherwise each device is its own. Numbered by first device.
[[nodiscard]] std::vector<std::int32_t> nearest_groups(const Distances& distances);

// Splits the graph over the groups of devices first, a group holding what its devices hold together, then each
// part over the devices of its group, by the same rule again. `partitioner` does every split.
[[nodiscard]] Assignment partition_hierarchically(const WeightedGraph& graph, const BalanceLimits& limits,
                                                  const Distances& distances, std::span<const BlockId> fixed,
                                                  const Partitioner& partitioner);

}  // namespace mp::partition
