// Acyclic partitions proved best, or how far from best they can be.
#pragma once

#include "partition/acyclic/task_dag.hpp"
#include "partition/exact/exact_result.hpp"
#include "partition/graph/weighted_graph.hpp"

namespace mp::partition {

// Improves `known`, an acyclic assignment (in balance or not), to the optimum among acyclic partitions within the
// limits, by reduce_dag() and best_chain_of_ideals() for growing bounds on the cut: small bounds are refuted quickly,
// because nearly everything merges. Where the steps do not suffice, the last bound refuted is the lower bound.
[[nodiscard]] ExactResult exact_acyclic(const TaskDag& dag, const BalanceLimits& limits, Assignment known,
                                        const ExactOptions& options);

}  // namespace mp::partition
