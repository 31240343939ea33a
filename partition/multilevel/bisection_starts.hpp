// Ways to start a bisection of a small graph.
#pragma once

#include <span>

#include "partition/graph/random_source.hpp"
#include "partition/multilevel/partition_state.hpp"
#include "partition/multilevel/vertex_heap.hpp"

namespace mp::partition {

// Block 0 grows from a random vertex by the neighbour that adds least to the cut (greedy graph growing, Karypis,
// Kumar 1998), until it has its share of the weight.
[[nodiscard]] Assignment grow_greedily(const WeightedGraph& graph, const BalanceLimits& limits,
                                       std::span<const std::int32_t> fixed, RandomSource& random, VertexHeap& heap);
// The same in breadth-first order, from a vertex far from a random one.
[[nodiscard]] Assignment grow_breadth_first(const WeightedGraph& graph, const BalanceLimits& limits,
                                            std::span<const std::int32_t> fixed, RandomSource& random);
// Heaviest vertices first, each into the relatively emptier block: for weights so lumpy that balance is the
// difficulty.
[[nodiscard]] Assignment pack_by_weight(const WeightedGraph& graph, const BalanceLimits& limits,
                                        std::span<const std::int32_t> fixed, RandomSource& random);

}  // namespace mp::partition
