#include "tests/partition/support/brute_force.hpp"

#include "partition/graph/metrics.hpp"

namespace mp::partition::test {

Worth worth_of(const WeightedGraph& graph, const Assignment& assignment, const BalanceLimits& limits) {
  return {violation_of(graph, assignment, limits), empty_blocks_of(assignment, limits.blocks),
          cut_of(graph, assignment)};
}

void for_each_assignment(std::int32_t vertices, std::int32_t blocks,
                         const std::function<void(const Assignment&)>& visit) {
  Assignment assignment(static_cast<std::size_t>(vertices), BlockId{0});
  while (true) {
    visit(assignment);
    std::int32_t v = 0;
    // Counts in base `blocks`, vertex 0 being the last digit.
    while (v < vertices && static_cast<std::int32_t>(assignment[VertexId{v}]) == blocks - 1)
      assignment[VertexId{v++}] = BlockId{0};
    if (v == vertices) return;
    assignment[VertexId{v}] = make_id<BlockId>(index(assignment[VertexId{v}]) + 1);
  }
}

std::optional<Worth> best_worth(const WeightedGraph& graph, const BalanceLimits& limits,
                                const std::function<bool(const Assignment&)>& accept) {
  std::optional<Worth> best;
  for_each_assignment(graph.vertices(), limits.blocks, [&](const Assignment& assignment) {
    if (accept && !accept(assignment)) return;
    const Worth worth = worth_of(graph, assignment, limits);
    if (!best || worth < *best) best = worth;
  });
  return best;
}

}  // namespace mp::partition::test
