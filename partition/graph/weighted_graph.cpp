#include "partition/graph/weighted_graph.hpp"

#include <cmath>

namespace mp::partition {
namespace {

// ⌊(1 + imbalance)·⌈total/blocks⌉⌋ in long double: exact for every weight a double cannot hold.
Weight limit(Weight total, std::int32_t blocks, double imbalance) {
  const Weight average = total / blocks + (total % blocks != 0 ? 1 : 0);
  const long double extra = std::floor(static_cast<long double>(average) * static_cast<long double>(imbalance) + 1e-9L);
  return average + static_cast<Weight>(extra);
}

}  // namespace

BalanceLimits uniform_limits(const WeightedGraph& graph, std::int32_t blocks, double imbalance) {
  const auto constraints = static_cast<std::size_t>(graph.constraints);
  std::vector<Weight> totals(constraints, 0);
  for (std::size_t i = 0; i < graph.vertex_weights.size(); ++i) totals[i % constraints] += graph.vertex_weights[i];
  BalanceLimits limits{.blocks = blocks, .constraints = graph.constraints, .max_weights = {}};
  for (std::int32_t b = 0; b < blocks; ++b) {
    for (const Weight total : totals) limits.max_weights.push_back(limit(total, blocks, imbalance));
  }
  return limits;
}

}  // namespace mp::partition
