// Intervals of the vertex order: the natural start for graphs that are nearly chains, as models are.
#pragma once

#include "partition/graph/weighted_graph.hpp"

namespace mp::partition {

// The largest graph linear_split takes: time and memory grow with the square of the vertices.
inline constexpr std::int32_t kMaxLinearVertices = 2048;

// The vertices in the order of their ids, cut into limits.blocks intervals (block 0 first; some may be empty), so that
// first the excess over the limits (each constraint as a share of its total), then the cut is least among all such
// partitions. Dynamic programming over the end of each block (Kernighan, "Optimal sequential partitions of graphs",
// JACM 18, 1971, here for several blocks and limits of their own). O(vertices² × (blocks + degree)). Throws
// std::logic_error beyond kMaxLinearVertices.
[[nodiscard]] Assignment linear_split(const WeightedGraph& graph, const BalanceLimits& limits);

}  // namespace mp::partition
