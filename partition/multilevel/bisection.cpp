#include "partition/multilevel/bisection.hpp"

#include <algorithm>

#include "partition/graph/random_source.hpp"
#include "partition/multilevel/bisection_starts.hpp"
#include "partition/multilevel/hierarchy.hpp"

namespace mp::partition {
namespace {

constexpr std::int32_t kCoarsestVertices = 120;
constexpr int kPasses = 6;

Assignment start(int attempt, const WeightedGraph& graph, const BalanceLimits& limits,
                 std::span<const std::int32_t> fixed, RandomSource& random, VertexHeap& heap) {
  switch (attempt % 6) {
    case 3:
      return grow_breadth_first(graph, limits, fixed, random);
    case 5:
      return pack_by_weight(graph, limits, fixed, random);
    default:
      return grow_greedily(graph, limits, fixed, random, heap);
  }
}

Bisection best_start(const WeightedGraph& graph, const BalanceLimits& limits, std::span<const std::int32_t> fixed,
                     const BisectionOptions& options, TwoWayScratch& scratch) {
  RandomSource random(options.seed);
  Bisection best;
  int last_improvement = 0;
  for (int attempt = 0; attempt < options.max_starts; ++attempt) {
    PartitionState state(graph, limits, start(attempt, graph, limits, fixed, random, scratch.heaps[0]));
    const Quality quality = two_way_fm(state, state.count_quality(), fixed, kPasses, scratch);
    if (attempt == 0 || quality < best.quality) {
      best = {std::move(state).take_assignment(), quality};
      last_improvement = attempt;
    }
    if (attempt - last_improvement >= options.patience && best.quality.overload == 0) break;
  }
  return best;
}

std::vector<Weight> heaviest_coarse_vertex(const WeightedGraph& graph) {
  const auto constraints = static_cast<std::size_t>(graph.constraints);
  std::vector<Weight> totals(constraints, 0);
  for (std::size_t i = 0; i < graph.vertex_weights.size(); ++i) totals[i % constraints] += graph.vertex_weights[i];
  for (Weight& total : totals) total = 1 + total * 3 / (2 * kCoarsestVertices);
  return totals;
}

}  // namespace

Bisection bisect(const WeightedGraph& graph, const BalanceLimits& limits, std::span<const std::int32_t> fixed,
                 const BisectionOptions& options, TwoWayScratch& scratch) {
  const Hierarchy hierarchy(
      graph, {.fixed = {fixed.begin(), fixed.end()}, .labels = {}},
      {.coarsest_vertices = kCoarsestVertices, .max_weights = heaviest_coarse_vertex(graph), .seed = options.seed});
  std::size_t depth = hierarchy.depth() - 1;
  Bisection best = best_start(hierarchy.coarsest(), limits, hierarchy.fixed(depth), options, scratch);
  for (; depth > 0; --depth) {
    PartitionState state(hierarchy.graph(depth - 1), limits, hierarchy.project(depth, best.side));
    best.quality = two_way_fm(state, best.quality, hierarchy.fixed(depth - 1), kPasses, scratch);
    best.side = std::move(state).take_assignment();
  }
  return best;
}

}  // namespace mp::partition
