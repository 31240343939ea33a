// Partitions whose blocks follow one another: no cycle of blocks, so that a pipeline flows one way.
#pragma once

#include <cstdint>
#include <span>

#include "partition/acyclic/task_dag.hpp"
#include "partition/deadline.hpp"
#include "partition/graph/weighted_graph.hpp"

namespace mp::partition {

struct AcyclicOptions {
  std::uint64_t seed = 0;
  std::span<const BlockId> fixed{};  // empty, or for every vertex its block or kNone
  std::int32_t random_orders = 4;    // beside the three systematic ones
  Deadline deadline{};               // no further order is tried after it
};

struct AcyclicRefinement {
  Assignment assignment;
  Weight cut_before = 0;
  Weight cut_after = 0;
  std::int64_t moves_kept = 0;
};

// Fiduccia–Mattheyses moves that keep the quotient graph acyclic: with the blocks in one topological order, a vertex
// may go only where its predecessors' blocks come no later and its successors' no earlier. Guarantees: an acyclic
// `assignment` (checked) stays acyclic, and (violation, cut) never gets worse.
//
// Reference: O. Moreira, M. Popp, C. Schulz, Graph partitioning with acyclicity constraints, SEA 2017.
[[nodiscard]] AcyclicRefinement refine_acyclic(const TaskDag& dag, const BalanceLimits& limits, Assignment assignment,
                                               const AcyclicOptions& options);

// The best of several topological orders, each split optimally into intervals and then refined. Always acyclic; in
// balance wherever one of the orders has a split in balance or refinement finds one. Throws InfeasibleError if no
// order splits so that `fixed` is kept.
[[nodiscard]] Assignment acyclic_partition(const TaskDag& dag, const BalanceLimits& limits,
                                           const AcyclicOptions& options);

}  // namespace mp::partition
