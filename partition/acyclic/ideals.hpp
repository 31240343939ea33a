// The best acyclic partition of all, by dynamic programming over ideals.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "partition/acyclic/task_dag.hpp"
#include "partition/deadline.hpp"
#include "partition/exact/exact_result.hpp"
#include "partition/graph/weighted_graph.hpp"

namespace mp::partition {

struct IdealOptions {
  Weight bound = 0;                  // only cuts below it count
  std::span<const BlockId> fixed{};  // empty, or for every vertex its block or kNone
  bool may_leave_empty = false;      // whether blocks may stay empty
  std::int64_t steps = 20'000'000;   // most decisions of the search
  std::int64_t bytes = 512'000'000;  // most memory of the table
  Deadline deadline{};
};

// Among the acyclic partitions that keep the limits and `fixed` and cut less than `bound`: the one of least cut.
//
// An acyclic partition is a chain of ideals (sets closed under predecessors), one block between each two. The table
// holds, for each ideal and the kinds of blocks spent on it, the least weight certain to be cut: all edges that leave
// a block for a later one. The ideals after a given one are enumerated by deciding about one available vertex at a
// time; refusing one refuses its descendants, and weight already certain to be cut, or too little weight left to
// fill the block as the later ones need it, end a branch.
//
// Reference: J. Tarnawski et al., Efficient algorithms for device placement of DNN graph operators, NeurIPS 2020
// (dynamic programming over ideals, there for the greatest load). The bounds are ours.
[[nodiscard]] BelowBound best_chain_of_ideals(const TaskDag& dag, const BalanceLimits& limits,
                                              const IdealOptions& options);

}  // namespace mp::partition
