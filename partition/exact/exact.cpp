#include "partition/exact/exact.hpp"

#include <utility>
#include <vector>

#include "lib/base/check.hpp"
#include "partition/exact/branch_and_bound.hpp"
#include "partition/exact/deepening.hpp"
#include "partition/graph/metrics.hpp"

namespace mp::partition {
namespace {

BranchResult search_below(const WeightedGraph& graph, const BalanceLimits& limits, Weight bound, std::int64_t steps,
                          const ExactOptions& options) {
  const Classes classes = inseparable_classes(graph, bound);
  const auto fixed = fixed_classes(classes, options.fixed);
  if (!fixed) return {.finished = true, .assignment = {}};
  BranchResult result = branch_and_bound(contracted(graph, classes), limits,
                                         {.bound = bound,
                                          .fixed = *fixed,
                                          .may_leave_empty = graph.vertices() < limits.blocks,
                                          .steps = steps,
                                          .deadline = options.deadline});
  if (result.assignment) result.assignment = unfolded(classes, *result.assignment);
  return result;
}

}  // namespace

ExactResult exact_partition(const WeightedGraph& graph, const BalanceLimits& limits, Assignment known,
                            const ExactOptions& options) {
  const bool usable = is_feasible(graph, known, limits) && empty_blocks_of(known, limits.blocks) == 0;
  const Weight last = usable ? cut_of(graph, known) : total_edge_weight(graph) + 1;
  ExactResult result{.assignment = std::move(known)};
  for (const Weight bound : bounds_up_to(last)) {
    const BranchResult below = search_below(graph, limits, bound, options.steps - result.steps, options);
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

}  // namespace mp::partition
