#include "partition/portfolio.hpp"

#include <cmath>

#include "lib/base/error.hpp"
#include "partition/graph/metrics.hpp"
#include "partition/registry.hpp"
#include "tests/partition/support/brute_force.hpp"
#include "tests/partition/support/graphs.hpp"
#include "tests/support/catch.hpp"

namespace mp::partition {
namespace {

const Candidate& find(const std::vector<Candidate>& candidates, const std::string& name) {
  for (const Candidate& c : candidates)
    if (c.algorithm == name) return c;
  throw std::out_of_range(name);
}

std::vector<std::string> names(const std::vector<Candidate>& candidates) {
  std::vector<std::string> result;
  for (const Candidate& c : candidates) result.push_back(c.algorithm);
  return result;
}

}  // namespace

TEST_CASE("candidates are ordered by violation, emptiness, cut, imbalance, name", "[portfolio]") {
  const auto named = [](std::string name) {
    return Candidate{
        .algorithm = std::move(name), .cut = 5, .violation = 0.0, .imbalance = {0.1, 0.2}, .feasible = true};
  };
  const Candidate base = named("b");
  Candidate other = named("a");
  CHECK(better(other, base));
  CHECK_FALSE(better(base, base));
  other.imbalance = {0.3, 0.0};
  CHECK(better(base, other));
  other.cut = 4;
  CHECK(better(other, base));
  other.empty_blocks = 1;
  CHECK(better(base, other));
  other.empty_blocks = 0;
  other.violation = 0.5;
  CHECK(better(base, other));
  CHECK(best_of(std::vector{other, base}).algorithm == "b");
}

TEST_CASE("algorithms are chosen by name", "[portfolio]") {
  const WeightedGraph graph = test::grid(6, 6);
  const BalanceLimits limits = uniform_limits(graph, 3, 0.03);
  CHECK(names(run_portfolio(graph, limits, {.algorithms = {"kernighan-lin", "metis"}})) ==
        std::vector<std::string>{"metis", "kernighan-lin"});
  CHECK(names(run_portfolio(graph, limits, {.algorithms = {"metis"}, .refine = true})) ==
        std::vector<std::string>{"metis", "metis+kl"});
  CHECK_THROWS_AS(run_portfolio(graph, limits, {.algorithms = {"metsi"}}), UsageError);
  CHECK(algorithm_names().back() == "auto");
  CHECK(effort_from("high") == Effort::kHigh);
  CHECK(effort_from("extreme") == std::nullopt);
  CHECK(name_of(Effort::kBest) == "best");
}

TEST_CASE("every algorithm of the table is valid on every kind of graph, and no worse than brute force allows",
          "[portfolio]") {
  for (const test::Kind kind : test::kKinds) {
    for (std::uint64_t seed = 0; seed < 12; ++seed) {
      RandomSource random(seed);
      const auto blocks = 1 + static_cast<std::int32_t>(random.below(3));
      const int most = blocks <= 2 ? 14 : 9;
      const WeightedGraph graph =
          test::random_graph(kind, static_cast<int>(random.below(static_cast<std::uint64_t>(most) + 1)), random);
      const BalanceLimits limits = uniform_limits(graph, blocks, 0.1);
      const test::Worth best = test::best_worth(graph, limits).value();
      INFO(test::name_of(kind) << " seed " << seed << " blocks " << blocks << " vertices " << graph.vertices());
      const std::vector<Candidate> candidates = run_portfolio(graph, limits, {.algorithms = {"auto"}, .seed = seed});
      for (const Candidate& c : candidates) {
        INFO(c.algorithm);
        REQUIRE(test::worth_of(graph, c.assignment, limits) == test::Worth(c.violation, c.empty_blocks, c.cut));
        CHECK(test::worth_of(graph, c.assignment, limits) >= best);
        CHECK(c.feasible == (c.violation == 0.0));
        CHECK(c.imbalance == imbalance_of(graph, c.assignment, limits));
        if (c.optimal) CHECK(c.cut == std::get<2>(best));
      }
      CHECK(test::worth_of(graph, find(candidates, "metis+kl").assignment, limits) <=
            test::worth_of(graph, find(candidates, "metis").assignment, limits));
    }
  }
}

TEST_CASE("threads change nothing, seeds do", "[portfolio]") {
  RandomSource random(3);
  const WeightedGraph graph = test::random_graph(test::Kind::kUniform, 300, random);
  const BalanceLimits limits = uniform_limits(graph, 4, 0.03);
  const auto assignments = [&](std::uint64_t seed, std::int32_t threads) {
    std::vector<Assignment> result;
    for (Candidate& c : run_portfolio(graph, limits, {.seed = seed, .threads = threads}))
      result.push_back(std::move(c.assignment));
    return result;
  };
  CHECK(assignments(1, 1) == assignments(1, 4));
  CHECK(assignments(1, 1) != assignments(2, 1));
}

TEST_CASE("pinned vertices stay where they are pinned, whatever the algorithm", "[portfolio]") {
  const WeightedGraph graph = test::grid(10, 10);
  const BalanceLimits limits = uniform_limits(graph, 4, 0.1);
  std::vector<BlockId> fixed(100, kNone<BlockId>);
  fixed[0] = BlockId{3};
  fixed[1] = BlockId{3};
  fixed[99] = BlockId{0};
  fixed[50] = BlockId{1};
  for (const Candidate& c : run_portfolio(graph, limits, {.fixed = fixed})) {
    INFO(c.algorithm);
    for (std::size_t v = 0; v < fixed.size(); ++v)
      if (fixed[v] != kNone<BlockId>) CHECK(c.assignment[make_id<VertexId>(v)] == fixed[v]);
    if (c.algorithm != "metis") CHECK(c.feasible);
  }
  std::vector<BlockId> heap(100, BlockId{2});
  CHECK_THROWS_AS(run_portfolio(graph, limits, {.fixed = heap}), InfeasibleError);
}

TEST_CASE("a time limit still gives a partition", "[portfolio]") {
  const WeightedGraph graph = test::grid(40, 40);
  const auto candidates = run_portfolio(graph, uniform_limits(graph, 4, 0.03), {.time_limit_s = 0.0});
  REQUIRE(candidates.size() == 1);
  CHECK(candidates[0].algorithm == registry()[0].name);
}

TEST_CASE("no blocks stay empty where there are vertices for all", "[portfolio]") {
  const WeightedGraph graph = test::star(12);
  const BalanceLimits loose = uniform_limits(graph, 5, 8.0);
  for (const Candidate& c : run_portfolio(graph, loose, {.algorithms = {"metis+kl", "kernighan-lin"}}))
    CHECK(c.empty_blocks == 0);
}

}  // namespace mp::partition
