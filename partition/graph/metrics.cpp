#include "partition/graph/metrics.hpp"

#include <algorithm>
#include <functional>

#include "lib/base/check.hpp"

namespace mp::partition {

Weight cut_of(const WeightedGraph& graph, const Assignment& assignment) {
  Weight twice = 0;
  for (const VertexId v : ids<VertexId>(assignment.size())) {
    const auto row = graph.neighbours_of(v);
    const auto weights = graph.edge_weights_of(v);
    for (std::size_t i = 0; i < row.size(); ++i)
      if (assignment[row[i]] != assignment[v]) twice += weights[i];
  }
  return twice / 2;
}

std::vector<Weight> total_weights(const WeightedGraph& graph) {
  const auto constraints = static_cast<std::size_t>(graph.constraints);
  std::vector<Weight> totals(constraints, 0);
  for (std::size_t i = 0; i < graph.vertex_weights.size(); ++i) totals[i % constraints] += graph.vertex_weights[i];
  return totals;
}

std::vector<Weight> block_weights_of(const WeightedGraph& graph, const Assignment& assignment, std::int32_t blocks) {
  const auto constraints = static_cast<std::size_t>(graph.constraints);
  std::vector<Weight> result(static_cast<std::size_t>(blocks) * constraints, 0);
  for (const VertexId v : ids<VertexId>(assignment.size())) {
    const auto weights = graph.weights_of(v);
    for (std::size_t c = 0; c < constraints; ++c) result[index(assignment[v]) * constraints + c] += weights[c];
  }
  return result;
}

std::vector<double> imbalance_of(const WeightedGraph& graph, const Assignment& assignment,
                                 const BalanceLimits& limits) {
  const auto constraints = static_cast<std::size_t>(graph.constraints);
  const std::vector<Weight> weights = block_weights_of(graph, assignment, limits.blocks);
  const std::vector<Weight> totals = total_weights(graph);
  std::vector<double> capacity(constraints, 0.0);
  for (std::size_t i = 0; i < limits.max_weights.size(); ++i)
    capacity[i % constraints] += static_cast<double>(limits.max_weights[i]);
  std::vector<double> result(constraints, 0.0);
  for (std::size_t i = 0; i < weights.size(); ++i) {
    const std::size_t c = i % constraints;
    if (totals[c] == 0 || weights[i] == 0) continue;
    double share = 1.0;
    if (limits.max_weights[i] > 0)
      share = static_cast<double>(totals[c]) * (static_cast<double>(limits.max_weights[i]) / capacity[c]);
    result[c] = std::max(result[c], static_cast<double>(weights[i]) / share - 1.0);
  }
  return result;
}

double violation_of(const WeightedGraph& graph, const Assignment& assignment, const BalanceLimits& limits) {
  const auto constraints = static_cast<std::size_t>(graph.constraints);
  const std::vector<Weight> weights = block_weights_of(graph, assignment, limits.blocks);
  const std::vector<Weight> totals = total_weights(graph);
  std::vector<Weight> excess(constraints, 0);
  for (std::size_t i = 0; i < weights.size(); ++i)
    excess[i % constraints] += std::max<Weight>(0, weights[i] - limits.max_weights[i]);
  double violation = 0.0;
  for (std::size_t c = 0; c < constraints; ++c)
    if (excess[c] > 0) violation += static_cast<double>(excess[c]) / static_cast<double>(totals[c]);
  return violation;
}

std::int32_t empty_blocks_of(const Assignment& assignment, std::int32_t blocks) {
  if (assignment.size() < static_cast<std::size_t>(blocks)) return 0;
  std::vector<char> used(static_cast<std::size_t>(blocks), 0);
  for (const BlockId b : assignment) used[index(b)] = 1;
  return static_cast<std::int32_t>(std::count(used.begin(), used.end(), 0));
}

bool is_feasible(const WeightedGraph& graph, const Assignment& assignment, const BalanceLimits& limits) {
  const std::vector<Weight> weights = block_weights_of(graph, assignment, limits.blocks);
  return std::equal(weights.begin(), weights.end(), limits.max_weights.begin(), std::less_equal<>());
}

void check_partition(const WeightedGraph& graph, const Assignment& assignment, const BalanceLimits& limits) {
  MP_CHECK(limits.blocks >= 1 && limits.constraints == graph.constraints);
  MP_CHECK(limits.max_weights.size() ==
           static_cast<std::size_t>(limits.blocks) * static_cast<std::size_t>(limits.constraints));
  MP_CHECK(assignment.size() == static_cast<std::size_t>(graph.vertices()));
  for (const BlockId b : assignment)
    MP_CHECK(static_cast<std::int32_t>(b) >= 0 && static_cast<std::int32_t>(b) < limits.blocks);
}

}  // namespace mp::partition
