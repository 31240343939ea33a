#include "partition/multilevel/multilevel.hpp"

#include <set>

#include "partition/graph/metrics.hpp"
#include "tests/partition/support/brute_force.hpp"
#include "tests/partition/support/graphs.hpp"
#include "tests/support/catch.hpp"

namespace mp::partition {
namespace {

using test::make_graph;

Weight overload_of(const WeightedGraph& graph, const BalanceLimits& limits, const Assignment& assignment) {
  const std::vector<Weight> weights = block_weights_of(graph, assignment, limits.blocks);
  Weight overload = 0;
  for (std::size_t i = 0; i < weights.size(); ++i) overload += std::max<Weight>(0, weights[i] - limits.max_weights[i]);
  return overload;
}

void check_result(const WeightedGraph& graph, const BalanceLimits& limits, const MultilevelResult& result) {
  CHECK_NOTHROW(check_partition(graph, result.assignment, limits));
  CHECK(result.cut == cut_of(graph, result.assignment));
  CHECK(result.overload == overload_of(graph, limits, result.assignment));
}

}  // namespace

TEST_CASE("a grid is cut straight through the middle", "[multilevel]") {
  const WeightedGraph graph = test::grid(32, 16);
  const BalanceLimits limits = uniform_limits(graph, 2, 0.03);
  const MultilevelResult result = multilevel(graph, limits, {});
  check_result(graph, limits, result);
  CHECK(result.cut == 16);
  CHECK(result.overload == 0);
}

TEST_CASE("degenerate tasks have their only answers", "[multilevel]") {
  SECTION("no vertices") {
    const WeightedGraph graph;
    CHECK(multilevel(graph, uniform_limits(graph, 3, 0.03), {}).assignment.empty());
  }
  SECTION("one block") {
    const WeightedGraph graph = test::grid(5, 5);
    CHECK(multilevel(graph, uniform_limits(graph, 1, 0.0), {}).cut == 0);
  }
  SECTION("more blocks than vertices: each vertex has its own") {
    const WeightedGraph graph = test::grid(3, 2);
    const BalanceLimits limits = uniform_limits(graph, 9, 0.0);
    const MultilevelResult result = multilevel(graph, limits, {});
    check_result(graph, limits, result);
    CHECK(std::set<BlockId>(result.assignment.begin(), result.assignment.end()).size() == 6);
    CHECK(result.overload == 0);
  }
  SECTION("isolated vertices") {
    const WeightedGraph graph = make_graph(std::vector<Weight>(500, 1), {});
    const BalanceLimits limits = uniform_limits(graph, 7, 0.0);
    const MultilevelResult result = multilevel(graph, limits, {});
    check_result(graph, limits, result);
    CHECK(result.overload == 0);
  }
  SECTION("a star") {
    const WeightedGraph graph = test::star(1000);
    const BalanceLimits limits = uniform_limits(graph, 4, 0.03);
    const MultilevelResult result = multilevel(graph, limits, {});
    check_result(graph, limits, result);
    CHECK(result.overload == 0);
    CHECK(result.cut >= 1000 - 257);  // the hub's block holds 257 vertices at most
    CHECK(result.cut <= 1000 - 250);
  }
}

TEST_CASE("weights near the end of 64 bits are counted right", "[multilevel]") {
  // Two squares joined by a light edge; everything else is as heavy as sums allow.
  const Weight heavy = Weight{1} << 58;
  const WeightedGraph graph = make_graph(std::vector<Weight>(8, heavy), {{0, 1, heavy},
                                                                         {1, 2, heavy},
                                                                         {2, 3, heavy},
                                                                         {3, 0, heavy},
                                                                         {4, 5, heavy},
                                                                         {5, 6, heavy},
                                                                         {6, 7, heavy},
                                                                         {7, 4, heavy},
                                                                         {3, 4, 1}});
  const BalanceLimits limits = uniform_limits(graph, 2, 0.0);
  const MultilevelResult result = multilevel(graph, limits, {});
  check_result(graph, limits, result);
  CHECK(result.cut == 1);
}

TEST_CASE("results are valid, counted right and the same for any number of threads", "[multilevel]") {
  const Effort effort = GENERATE(Effort::kFast, Effort::kDefault, Effort::kHigh);
  for (const test::Kind kind : test::kKinds) {
    for (std::uint64_t seed = 0; seed < 4; ++seed) {
      CAPTURE(test::name_of(kind), seed, name_of(effort));
      RandomSource random(seed);
      const WeightedGraph graph = test::random_graph(kind, static_cast<int>(random.below(400)), random);
      const BalanceLimits limits = uniform_limits(graph, 1 + static_cast<std::int32_t>(random.below(9)), 0.1);
      const MultilevelResult one = multilevel(graph, limits, {.effort = effort, .seed = seed, .threads = 1});
      check_result(graph, limits, one);
      for (const int threads : {2, 4}) {
        const MultilevelResult many = multilevel(graph, limits, {.effort = effort, .seed = seed, .threads = threads});
        CHECK(many.assignment == one.assignment);
      }
    }
  }
}

TEST_CASE("improve() is never worse than its start", "[multilevel]") {
  for (const test::Kind kind : test::kKinds) {
    for (std::uint64_t seed = 0; seed < 6; ++seed) {
      CAPTURE(test::name_of(kind), seed);
      RandomSource random(seed);
      const WeightedGraph graph = test::random_graph(kind, 1 + static_cast<int>(random.below(300)), random);
      const auto blocks = 1 + static_cast<std::int32_t>(random.below(6));
      BalanceLimits limits = uniform_limits(graph, blocks, 0.2);
      for (Weight& w : limits.max_weights)
        w = w / 2 + static_cast<Weight>(random.below(static_cast<std::uint64_t>(w) + 1));
      const Assignment start = test::random_assignment(graph, blocks, random);
      const MultilevelResult result = improve(graph, limits, start, {.seed = seed});
      check_result(graph, limits, result);
      const Weight overload = overload_of(graph, limits, start);
      CHECK(result.overload <= overload);
      if (result.overload == overload && empty_blocks_of(start, blocks) == 0) CHECK(result.cut <= cut_of(graph, start));
    }
  }
}

TEST_CASE("fixed vertices stay where they are", "[multilevel]") {
  const WeightedGraph graph = test::grid(30, 30);
  const BalanceLimits limits = uniform_limits(graph, 4, 0.05);
  RandomSource random(7);
  std::vector<BlockId> fixed(900, kNone<BlockId>);
  for (int i = 0; i < 60; ++i) fixed[random.below(900)] = make_id<BlockId>(random.below(4));
  const Effort effort = GENERATE(Effort::kFast, Effort::kDefault, Effort::kHigh);
  const MultilevelResult result = multilevel(graph, limits, {.effort = effort, .fixed = fixed});
  check_result(graph, limits, result);
  CHECK(result.overload == 0);
  for (const VertexId v : ids<VertexId>(900)) {
    if (fixed[index(v)] != kNone<BlockId>) CHECK(result.assignment[v] == fixed[index(v)]);
  }
}

TEST_CASE("blocks of unequal room and two constraints are kept", "[multilevel]") {
  WeightedGraph graph = test::grid(40, 25);
  graph.constraints = 2;
  graph.vertex_weights.clear();
  RandomSource random(3);
  for (int v = 0; v < 1000; ++v) {
    graph.vertex_weights.push_back(1 + static_cast<Weight>(random.below(20)));
    graph.vertex_weights.push_back(v < 300 ? 50 : static_cast<Weight>(random.below(3)));
  }
  const std::vector<Weight> total = total_weights(graph);
  BalanceLimits limits{.blocks = 3, .constraints = 2, .max_weights = {}};
  for (const double share : {0.53, 0.32, 0.21}) {
    for (const Weight weight : total)
      limits.max_weights.push_back(static_cast<Weight>(static_cast<double>(weight) * share));
  }
  const MultilevelResult result = multilevel(graph, limits, {});
  check_result(graph, limits, result);
  CHECK(result.overload == 0);
  CHECK(result.cut < 200);
}

TEST_CASE("tiny graphs are cut as well as they can be", "[multilevel]") {
  for (const test::Kind kind : test::kKinds) {
    double ratio_sum = 0;
    int instances = 0;
    for (std::uint64_t seed = 0; seed < 12; ++seed) {
      RandomSource random(seed);
      const WeightedGraph graph = test::random_graph(kind, 9, random);
      const BalanceLimits limits = uniform_limits(graph, 3, 0.2);
      const auto best = test::best_worth(graph, limits);
      const MultilevelResult result = multilevel(graph, limits, {.effort = Effort::kHigh, .seed = seed});
      const test::Worth worth = test::worth_of(graph, result.assignment, limits);
      CAPTURE(test::name_of(kind), seed);
      CHECK(std::get<0>(worth) <= std::get<0>(*best) + 1e-9);
      if (std::get<0>(*best) > 0 || std::get<2>(*best) == 0) continue;
      ratio_sum += static_cast<double>(std::get<2>(worth)) / static_cast<double>(std::get<2>(*best));
      ++instances;
    }
    CAPTURE(test::name_of(kind));
    if (instances > 0) CHECK(ratio_sum / instances <= 1.04);
  }
}

}  // namespace mp::partition
