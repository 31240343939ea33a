// Proving a bound step by step: what the exact solvers share.
#pragma once

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "lib/base/check.hpp"
#include "partition/exact/exact_result.hpp"
#include "partition/exact/inseparable.hpp"
#include "partition/graph/metrics.hpp"
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

// Improves `known` (in balance or not) to the optimum by refuting ever greater bounds on the cut, until one holds a
// solution: search_below(bound, steps) looks for the best one below, in so many steps at most.
template <class SearchBelow>
ExactResult deepen(const WeightedGraph& graph, const BalanceLimits& limits, Assignment known, std::int64_t steps,
                   const SearchBelow& search_below) {
  const bool usable = is_feasible(graph, known, limits) && empty_blocks_of(known, limits.blocks) == 0;
  const Weight last = usable ? cut_of(graph, known) : total_edge_weight(graph) + 1;
  ExactResult result{.assignment = std::move(known)};
  for (const Weight bound : bounds_up_to(last)) {
    const BelowBound below = search_below(bound, steps - result.steps);
    result.steps += below.steps;
    if (below.assignment) {  // better than what was known, even if not proved best
      MP_CHECK(cut_of(graph, *below.assignment) == below.cut && is_feasible(graph, *below.assignment, limits));
      result.assignment = *below.assignment;
    }
    if (!below.finished) return result;
    if (below.assignment) {
      result.lower_bound = below.cut;
      result.optimal = true;
      return result;
    }
    result.lower_bound = bound;
  }
  result.optimal = usable;
  result.impossible = !usable;
  return result;
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
