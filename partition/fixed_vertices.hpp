// Vertices that must lie in a given block.
#pragma once

#include <span>

#include "partition/graph/weighted_graph.hpp"

namespace mp::partition {

// Throws InfeasibleError where the fixed vertices alone break a limit, naming block and weights.
void check_fixed(const WeightedGraph& graph, const BalanceLimits& limits, std::span<const BlockId> fixed);

// Renames blocks of equal limits so that as much weight of edges and vertices as possible lies right, greedily, then
// puts every fixed vertex into its block. `fixed` is empty, or for every vertex its block or kNone.
[[nodiscard]] Assignment with_fixed(const WeightedGraph& graph, const BalanceLimits& limits, Assignment assignment,
                                    std::span<const BlockId> fixed);

}  // namespace mp::partition
