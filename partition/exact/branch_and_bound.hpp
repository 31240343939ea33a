// Depth-first search over all assignments, with bounds.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "partition/deadline.hpp"
#include "partition/exact/exact_result.hpp"
#include "partition/graph/weighted_graph.hpp"

namespace mp::partition {

struct BranchOptions {
  Weight bound = 0;                  // only cuts below it count
  std::span<const BlockId> fixed{};  // empty, or for every vertex its block or kNone
  bool may_leave_empty = false;      // whether blocks may stay empty
  std::int64_t steps = 20'000'000;   // most vertices placed
  Deadline deadline{};
};

// Places vertex after vertex, the one most attached to those placed first. Below the bound must stay: the cut among
// placed vertices, plus for each other vertex all its edges to placed vertices but those to its best block. Of empty
// blocks that are alike only the first is tried. The weight left must fit the room left.
[[nodiscard]] BelowBound branch_and_bound(const WeightedGraph& graph, const BalanceLimits& limits,
                                          const BranchOptions& options);

}  // namespace mp::partition
