// Which device takes which block.
#pragma once

#include <vector>

#include "partition/graph/weighted_graph.hpp"
#include "partition/mapping/objective.hpp"

namespace mp::partition {

// Weight of edges between each two blocks: blocks × blocks, symmetric, 0 on the diagonal.
[[nodiscard]] std::vector<Weight> block_traffic(const WeightedGraph& graph, const Assignment& assignment,
                                                std::int32_t blocks);

// Renames the blocks so that Σ traffic × distance is small: the optimum for up to 8 blocks, otherwise greedy and then
// swaps of pairs until none helps. Never worse than `assignment` as it is. A block goes only to a device whose limits
// it keeps, or stays. `fixed` is empty, or for every vertex its block or kNone: blocks with fixed vertices stay.
//
// References: H. Müller-Merbach, Optimale Reihenfolgen, 1970 (greedy); C. H. Heider, A computationally simplified
// pair-exchange algorithm for the quadratic assignment problem, 1972; B. Brandfass, T. Alrutz, T. Gerhold, Rank
// reordering for MPI communication optimization, Computers & Fluids 80, 2013.
[[nodiscard]] Assignment map_blocks(const WeightedGraph& graph, const BalanceLimits& limits, Assignment assignment,
                                    const Distances& distances, std::span<const BlockId> fixed = {});

}  // namespace mp::partition
