#include "partition/annealing/annealing.hpp"

#include <cstdint>
#include <vector>

#include "partition/graph/metrics.hpp"
#include "partition/graph/random_source.hpp"
#include "tests/partition/support/brute_force.hpp"
#include "tests/partition/support/graphs.hpp"
#include "tests/support/catch.hpp"

namespace mp::partition {
namespace {

using namespace test;

TEST_CASE("annealing never returns worse than it was given, keeps what is fixed, and repeats itself") {
  RandomSource random(11);
  for (const Kind kind : kKinds) {
    for (int round = 0; round < 6; ++round) {
      const WeightedGraph graph = random_graph(kind, static_cast<int>(2 + random.below(60)), random);
      const auto blocks = static_cast<std::int32_t>(1 + random.below(5));
      const BalanceLimits limits = uniform_limits(graph, blocks, 0.05 * static_cast<double>(random.below(4)));
      const Assignment start = random_assignment(graph, blocks, random);
      std::vector<BlockId> fixed(start.size(), kNone<BlockId>);
      for (std::size_t i = 0; i < fixed.size(); i += 5) fixed[i] = start[make_id<VertexId>(i)];
      const AnnealingOptions options{.seed = 5, .fixed = fixed, .moves = 20'000};
      const AnnealingResult result = anneal(graph, limits, start, options);
      CAPTURE(name_of(kind), round, blocks);
      CHECK(worth_of(graph, result.assignment, limits) <= worth_of(graph, start, limits));
      CHECK(result.cut_before == cut_of(graph, start));
      CHECK(result.cut_after == cut_of(graph, result.assignment));
      for (std::size_t i = 0; i < fixed.size(); ++i) {
        if (fixed[i] != kNone<BlockId>) CHECK(result.assignment[make_id<VertexId>(i)] == fixed[i]);
      }
      CHECK(anneal(graph, limits, start, options).assignment == result.assignment);
    }
  }
}

TEST_CASE("annealing finds the optimum of nearly every tiny graph from any start") {
  RandomSource random(12);
  int optimal = 0;
  int tried = 0;
  for (const Kind kind : {Kind::kUniform, Kind::kExtremeRatios, Kind::kTwoConstraints}) {
    for (int round = 0; round < 8; ++round, ++tried) {
      const WeightedGraph graph = random_graph(kind, 11, random);
      const BalanceLimits limits = uniform_limits(graph, 3, 0.1);
      const AnnealingResult result =
          anneal(graph, limits, random_assignment(graph, 3, random), {.seed = 1, .fixed = {}, .moves = 50'000});
      if (worth_of(graph, result.assignment, limits) == best_worth(graph, limits)) ++optimal;
    }
  }
  CHECK(optimal >= tried * 5 / 6);
}

}  // namespace
}  // namespace mp::partition
