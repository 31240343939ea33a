// The acyclic algorithms by name, as portfolio.hpp has those for any partition.
#pragma once

#include <string>
#include <vector>

#include "partition/acyclic/task_dag.hpp"
#include "partition/portfolio.hpp"

namespace mp::partition {

// "acyclic", "exact", then "auto": both.
[[nodiscard]] std::vector<std::string> acyclic_algorithm_names();

// The acyclic algorithms named: "acyclic" splits topological orders and refines; "exact" improves that to the
// optimum among acyclic partitions, or says how far it may be from it. Every candidate's blocks form no cycle, and
// lower bounds hold among acyclic partitions. `options.refine` means nothing here: both refine.
// Throws UsageError for another name, InfeasibleError where `fixed` leaves no acyclic partition or breaks a limit.
[[nodiscard]] std::vector<Candidate> run_acyclic_portfolio(const TaskDag& dag, const BalanceLimits& limits,
                                                           const PortfolioOptions& options);

}  // namespace mp::partition
