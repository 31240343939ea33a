// Refinement for any objective.
#pragma once

#include <cstdint>
#include <span>

#include "partition/graph/weighted_graph.hpp"
#include "partition/mapping/objective.hpp"

namespace mp::partition {

struct ObjectiveRefinement {
  Assignment assignment;
  Weight value_before = 0;
  Weight value_after = 0;
  std::int64_t moves_kept = 0;
};

struct ObjectiveRefineOptions {
  std::uint64_t seed = 0;
  std::span<const BlockId> fixed{};  // empty, or for every vertex its block or kNone
};

// Fiduccia–Mattheyses passes with the exact gains of the objective, rolled back to the best prefix. `objective` must
// stand at `assignment`. Guarantees: (violation, value) never gets worse, and no block is emptied that could be
// filled. Slower than refine(), which knows that its objective is the cut: O(degree · blocks) per evaluation.
[[nodiscard]] ObjectiveRefinement refine_objective(const WeightedGraph& graph, const BalanceLimits& limits,
                                                   Assignment assignment, Objective& objective,
                                                   const ObjectiveRefineOptions& options);

}  // namespace mp::partition
