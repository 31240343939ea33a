#include <algorithm>

#include "partition/portfolio.hpp"
#include "tests/partition/support/graphs.hpp"
#include "tests/support/catch.hpp"

namespace mp::partition {

TEST_CASE("auto proves the optimum of chains too long to enumerate, and every candidate tells the bound",
          "[portfolio]") {
  // 80 vertices in a row; the middle edge is heavy, its neighbours are light: the best cut lies one vertex off the
  // middle.
  std::vector<test::PlainEdge> edges;
  for (int v = 0; v + 1 < 80; ++v)
    edges.push_back({.from = v, .to = v + 1, .weight = v == 39 ? 50 : (v == 40 ? 3 : 20)});
  const WeightedGraph graph = test::make_graph(std::vector<Weight>(80, 1), edges);
  const BalanceLimits limits = uniform_limits(graph, 2, 0.03);
  const std::vector<Candidate> candidates = run_portfolio(graph, limits, {.seed = 1});
  REQUIRE(candidates.size() >= 3);
  CHECK(candidates.back().algorithm == "exact");
  for (const Candidate& candidate : candidates) {
    CAPTURE(candidate.algorithm);
    CHECK(candidate.lower_bound == Weight{3});
    CHECK(candidate.optimal == (candidate.cut == 3 && candidate.feasible));
  }
  CHECK(best_of(candidates).optimal);
  CHECK(best_of(candidates).cut == 3);
}

TEST_CASE("progress tells of every algorithm", "[portfolio]") {
  const WeightedGraph graph = test::grid(12, 12);
  std::vector<std::string> phases;
  std::vector<std::string> algorithms;
  const auto listen = [&](std::string_view phase, std::int32_t, Weight) { phases.emplace_back(phase); };
  for (const Candidate& c : run_portfolio(graph, uniform_limits(graph, 3, 0.03), {.seed = 1, .progress = listen})) {
    CAPTURE(c.algorithm);
    CHECK(std::ranges::find(phases, c.algorithm) != phases.end());
  }
  CHECK(std::ranges::find(phases, "refinement") != phases.end());
}

}  // namespace mp::partition
