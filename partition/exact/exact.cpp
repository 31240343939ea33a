#include "partition/exact/exact.hpp"

#include <cstdint>
#include <utility>

#include "partition/exact/branch_and_bound.hpp"
#include "partition/exact/deepening.hpp"

namespace mp::partition {
namespace {

BelowBound search_below(const WeightedGraph& graph, const BalanceLimits& limits, Weight bound, std::int64_t steps,
                        const ExactOptions& options) {
  const Classes classes = inseparable_classes(graph, bound);
  const auto fixed = fixed_classes(classes, options.fixed);
  if (!fixed) return {.finished = true, .assignment = {}};
  BelowBound result = branch_and_bound(contracted(graph, classes), limits,
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
  return deepen(graph, limits, std::move(known), options.steps,
                [&](Weight bound, std::int64_t steps) { return search_below(graph, limits, bound, steps, options); });
}

}  // namespace mp::partition
