#include "partition/acyclic/exact_acyclic.hpp"

#include <utility>
#include <vector>

#include "lib/base/check.hpp"
#include "partition/acyclic/ideals.hpp"
#include "partition/acyclic/reduce.hpp"
#include "partition/exact/deepening.hpp"
#include "partition/graph/metrics.hpp"

namespace mp::partition {
namespace {

// The best of cut below `bound`, on the reduced graph, in terms of the original one.
IdealResult search_below(const TaskDag& dag, const BalanceLimits& limits, Weight bound, std::int64_t steps,
                         const ExactOptions& options) {
  const ReducedDag reduced = reduce_dag(dag, bound);
  const auto fixed = fixed_classes(reduced.classes, options.fixed);
  if (!fixed) return {.finished = true, .assignment = {}};
  IdealResult result = best_chain_of_ideals(reduced.dag, limits,
                                            {.bound = bound,
                                             .fixed = *fixed,
                                             .may_leave_empty = dag.graph.vertices() < limits.blocks,
                                             .steps = steps,
                                             .bytes = options.bytes,
                                             .deadline = options.deadline});
  if (result.assignment) result.assignment = unfolded(reduced.classes, *result.assignment);
  return result;
}

}  // namespace

ExactResult exact_acyclic(const TaskDag& dag, const BalanceLimits& limits, Assignment known,
                          const ExactOptions& options) {
  const bool usable = is_feasible(dag.graph, known, limits) && empty_blocks_of(known, limits.blocks) == 0;
  const Weight last = usable ? cut_of(dag.graph, known) : total_edge_weight(dag.graph) + 1;
  ExactResult result{.assignment = std::move(known)};
  for (const Weight bound : bounds_up_to(last)) {
    const IdealResult below = search_below(dag, limits, bound, options.steps - result.steps, options);
    result.steps += below.steps;
    if (!below.finished) return result;
    if (below.assignment) {
      MP_CHECK(cut_of(dag.graph, *below.assignment) == below.cut && is_acyclic(dag, *below.assignment, limits.blocks));
      result.assignment = *below.assignment;
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

}  // namespace mp::partition
