// What a partition is worth: cut, weights of its blocks, balance. All recounted from scratch, exact in 64 bits.
#pragma once

#include <vector>

#include "partition/graph/weighted_graph.hpp"

namespace mp::partition {

// Sum of the weights of the edges whose ends lie in different blocks.
[[nodiscard]] Weight cut_of(const WeightedGraph& graph, const Assignment& assignment);

// Per constraint, the sum over all vertices.
[[nodiscard]] std::vector<Weight> total_weights(const WeightedGraph& graph);

// blocks × constraints: the weight of every block.
[[nodiscard]] std::vector<Weight> block_weights_of(const WeightedGraph& graph, const Assignment& assignment,
                                                   std::int32_t blocks);

// Per constraint, max over blocks of w(b) / share(b) − 1, where share(b) = W·limit(b)/Σ limits: W/k for equal
// blocks. 0 where the constraint weighs nothing. A weight in a block that may hold none counts as share 1.
[[nodiscard]] std::vector<double> imbalance_of(const WeightedGraph& graph, const Assignment& assignment,
                                               const BalanceLimits& limits);

// Σ over blocks and constraints of the weight above the limit, each constraint as a share of its total: 0 exactly
// when every block keeps its limits, and comparable between constraints of different units.
[[nodiscard]] double violation_of(const WeightedGraph& graph, const Assignment& assignment,
                                  const BalanceLimits& limits);

// Blocks without a vertex, where there are vertices enough for all; otherwise 0: then nobody asks for it.
[[nodiscard]] std::int32_t empty_blocks_of(const Assignment& assignment, std::int32_t blocks);

[[nodiscard]] bool is_feasible(const WeightedGraph& graph, const Assignment& assignment, const BalanceLimits& limits);

// Throws std::logic_error unless `limits` belong to `graph`, and `assignment` names a block for every vertex.
void check_partition(const WeightedGraph& graph, const Assignment& assignment, const BalanceLimits& limits);

}  // namespace mp::partition
