// Proving a bound step by step: what the exact solvers share.
#pragma once

#include <algorithm>
#include <numeric>
#include <optional>
#include <span>
#include <vector>

#include "partition/exact/inseparable.hpp"
#include "partition/graph/weighted_graph.hpp"

namespace mp::partition {

// Bounds to refute one after the other, up to `last` itself. Refuting one costs far more than the one before it, so
// trying small ones first costs little, and their results stand when the last one is out of reach.
inline std::vector<Weight> bounds_up_to(Weight last) {
  std::vector<Weight> bounds;
  for (const Weight eighths : {Weight{0}, Weight{1}, Weight{2}, Weight{4}, Weight{6}, Weight{7}}) {
    const Weight bound = last / 8 * eighths + 1;
    if (bound < last && (bounds.empty() || bound > bounds.back())) bounds.push_back(bound);
  }
  bounds.push_back(last);
  return bounds;
}

// The weight of all edges: no cut is greater.
inline Weight total_edge_weight(const WeightedGraph& graph) {
  return std::reduce(graph.edge_weights.begin(), graph.edge_weights.end(), Weight{0}) / 2;
}

// Where the members of each class must lie; nothing if two of one class must lie apart. Empty if `fixed` is.
inline std::optional<std::vector<BlockId>> fixed_classes(const Classes& classes, std::span<const BlockId> fixed) {
  std::vector<BlockId> result(fixed.empty() ? 0 : static_cast<std::size_t>(classes.count), kNone<BlockId>);
  for (std::size_t v = 0; v < fixed.size(); ++v) {
    if (fixed[v] == kNone<BlockId>) continue;
    BlockId& block = result[static_cast<std::size_t>(classes.of[make_id<VertexId>(v)])];
    if (block != kNone<BlockId> && block != fixed[v]) return std::nullopt;
    block = fixed[v];
  }
  return result;
}

// The assignment of classes, given to their members.
inline Assignment unfolded(const Classes& classes, const Assignment& assignment) {
  Assignment result(classes.of.size());
  for (const VertexId v : ids<VertexId>(result.size())) result[v] = assignment[make_id<VertexId>(classes.of[v])];
  return result;
}

}  // namespace mp::partition
