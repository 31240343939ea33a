#include "lib/base/error.hpp"
#include "partition/acyclic_portfolio.hpp"
#include "partition/graph/metrics.hpp"
#include "partition/objective_portfolio.hpp"
#include "tests/partition/support/dags.hpp"
#include "tests/support/catch.hpp"

namespace mp::partition {

TEST_CASE("acyclic algorithms by name, the exact one with its proof", "[portfolio]") {
  RandomSource random(6);
  const TaskDag dag = test::layered_dag(40, 2, 4, random);
  const BalanceLimits limits = uniform_limits(dag.graph, 4, 0.1);
  const auto candidates = run_acyclic_portfolio(dag, limits, {.seed = 1});
  REQUIRE(candidates.size() == 2);
  CHECK(candidates[0].algorithm == "acyclic");
  CHECK(candidates[1].algorithm == "exact");
  CHECK(candidates[1].optimal);
  CHECK(candidates[1].lower_bound == candidates[1].cut);
  CHECK(candidates[1].cut <= candidates[0].cut);
  for (const Candidate& c : candidates) CHECK(is_acyclic(dag, c.assignment, 4));
  CHECK(run_acyclic_portfolio(dag, limits, {.algorithms = {"acyclic"}}).size() == 1);
  CHECK_THROWS_AS(run_acyclic_portfolio(dag, limits, {.algorithms = {"metis"}}), UsageError);
}

TEST_CASE("volume and mapping are refined from every candidate, the best first by value", "[portfolio]") {
  const WeightedGraph graph = test::grid(8, 8);
  const BalanceLimits limits = uniform_limits(graph, 4, 0.1);
  TensorHyperedges tensors;
  for (const VertexId v : ids<VertexId>(64)) {
    const auto row = graph.neighbours_of(v);
    tensors.add(v, {row.begin(), row.end()}, 3);
  }
  const PortfolioOptions options{.algorithms = {"metis", "kernighan-lin"}, .seed = 2};
  const auto by_cut = run_portfolio(graph, limits, options);
  const auto by_volume = run_volume_portfolio(graph, limits, tensors, options);
  REQUIRE(by_volume.size() == 2);
  for (std::size_t i = 0; i < 2; ++i) {
    CHECK(by_volume[i].value == communication_volume(tensors, by_volume[i].found.assignment, 4));
    if (by_cut[i].feasible) CHECK(by_volume[i].value <= communication_volume(tensors, by_cut[i].assignment, 4));
    CHECK(best_of(by_volume).value <= by_volume[i].value);
  }
  const Distances distances{.devices = 4, .matrix = {0, 1, 9, 9, 1, 0, 9, 9, 9, 9, 0, 1, 9, 9, 1, 0}};
  const auto by_mapping = run_mapping_portfolio(graph, limits, distances, options);
  REQUIRE(by_mapping.size() == 3);
  CHECK(by_mapping.back().found.algorithm == "hierarchical");
  for (const ObjectiveCandidate& c : by_mapping) CHECK(c.value == mapping_cost(graph, c.found.assignment, distances));
  // Two halves of the grid on two hosts, each halved again: 8 edges at distance 9, 8 at distance 1.
  CHECK(best_of(by_mapping).value <= 80 * 5 / 4);
  CHECK(best_of(by_mapping).found.feasible);
}

}  // namespace mp::partition
