#include "partition/linear/linear_split.hpp"

#include <limits>
#include <utility>
#include <vector>

#include "partition/graph/graph_builder.hpp"
#include "partition/graph/metrics.hpp"
#include "partition/graph/random_source.hpp"
#include "tests/support/catch.hpp"

namespace mp::partition {
namespace {

WeightedGraph random_graph(RandomSource& random, std::int32_t vertices) {
  VertexWeights weights{.constraints = 2, .weights = {}};
  for (std::int32_t i = 0; i < vertices * 2; ++i) weights.weights.push_back(static_cast<Weight>(random.below(9)));
  std::vector<WeightedEdge> edges;
  for (std::int32_t i = 0; i < vertices * 2; ++i) {
    edges.push_back({.from = make_id<VertexId>(random.below(static_cast<std::uint64_t>(vertices))),
                     .to = make_id<VertexId>(random.below(static_cast<std::uint64_t>(vertices))),
                     .weight = static_cast<Weight>(1 + random.below(20))});
  }
  return build_graph(std::move(weights), edges);
}

// Every way to place the two boundaries of three intervals.
std::pair<double, Weight> best_of_all(const WeightedGraph& graph, const BalanceLimits& limits) {
  std::pair<double, Weight> best{std::numeric_limits<double>::infinity(), 0};
  const std::int32_t n = graph.vertices();
  for (std::int32_t first = 0; first <= n; ++first) {
    for (std::int32_t second = first; second <= n; ++second) {
      Assignment assignment;
      for (std::int32_t v = 0; v < n; ++v)
        assignment.push_back(make_id<BlockId>((v >= first ? 1 : 0) + (v >= second ? 1 : 0)));
      best = std::min(best, {violation_of(graph, assignment, limits), cut_of(graph, assignment)});
    }
  }
  return best;
}

}  // namespace

TEST_CASE("a chain is cut at its lightest edges that balance allows") {
  std::vector<WeightedEdge> edges;
  const std::vector<Weight> weights{5, 1, 5, 5, 2};
  for (std::int32_t i = 0; i < 5; ++i) {
    edges.push_back(
        {.from = make_id<VertexId>(i), .to = make_id<VertexId>(i + 1), .weight = weights[static_cast<std::size_t>(i)]});
  }
  const WeightedGraph graph = build_graph({.constraints = 1, .weights = {1, 1, 1, 1, 1, 1}}, edges);
  const Assignment split = linear_split(graph, {.blocks = 2, .constraints = 1, .max_weights = {4, 4}});
  CHECK(split.items() == std::vector<BlockId>{BlockId{0}, BlockId{0}, BlockId{1}, BlockId{1}, BlockId{1}, BlockId{1}});
}

TEST_CASE("intervals are the best of all intervals, in excess first, then in cut") {
  RandomSource random(7);
  for (int round = 0; round < 40; ++round) {
    const WeightedGraph graph = random_graph(random, static_cast<std::int32_t>(1 + random.below(12)));
    const BalanceLimits limits = uniform_limits(graph, 3, static_cast<double>(random.below(4)) * 0.2);
    const Assignment split = linear_split(graph, limits);
    const auto [excess, cut] = best_of_all(graph, limits);
    CHECK(violation_of(graph, split, limits) == Approx(excess).margin(1e-12));
    if (excess == 0.0) CHECK(cut_of(graph, split) == cut);
  }
}

TEST_CASE("an empty graph and more blocks than vertices are split, too") {
  CHECK(linear_split(build_graph({.constraints = 1, .weights = {}}, {}),
                     {.blocks = 2, .constraints = 1, .max_weights = {0, 0}})
            .empty());
  const WeightedGraph graph = build_graph({.constraints = 1, .weights = {3, 4}}, {});
  const Assignment split = linear_split(graph, uniform_limits(graph, 5, 0.03));
  CHECK(split.size() == 2);
}

}  // namespace mp::partition
