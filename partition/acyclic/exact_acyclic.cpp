#include "partition/acyclic/exact_acyclic.hpp"

#include <cstdint>
#include <utility>

#include "lib/base/check.hpp"
#include "partition/acyclic/ideals.hpp"
#include "partition/acyclic/reduce.hpp"
#include "partition/exact/deepening.hpp"

namespace mp::partition {
namespace {

// The best of cut below `bound`, on the reduced graph, in terms of the original one.
BelowBound search_below(const TaskDag& dag, const BalanceLimits& limits, Weight bound, std::int64_t steps,
                        const ExactOptions& options) {
  const ReducedDag reduced = reduce_dag(dag, bound);
  const auto fixed = fixed_classes(reduced.classes, options.fixed);
  if (!fixed) return {.finished = true, .assignment = {}};
  BelowBound result = best_chain_of_ideals(reduced.dag, limits,
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
  return deepen(dag.graph, limits, std::move(known), options.steps, [&](Weight bound, std::int64_t steps) {
    const BelowBound below = search_below(dag, limits, bound, steps, options);
    MP_CHECK(!below.assignment || is_acyclic(dag, *below.assignment, limits.blocks));
    return below;
  });
}

}  // namespace mp::partition
