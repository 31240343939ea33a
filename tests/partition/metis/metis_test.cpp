#include "partition/metis/metis.hpp"

#include "partition/graph/metrics.hpp"
#include "tests/partition/support/graphs.hpp"
#include "tests/support/catch.hpp"

namespace mp::partition {
namespace {

constexpr MetisMethod kMethods[] = {MetisMethod::kKway, MetisMethod::kRecursive};

Assignment halves(const WeightedGraph& graph, MetisMethod method) {
  return metis_partition(graph, uniform_limits(graph, 2, 0.03), {.method = method, .seed = 1});
}

}  // namespace

TEST_CASE("METIS cuts a ladder of two squares at its weak rung", "[metis]") {
  // 0-1-2-3 heavy ring, 4-5-6-7 heavy ring, one light edge between.
  const WeightedGraph graph = test::make_graph(
      std::vector<Weight>(8, 1),
      {{0, 1, 9}, {1, 2, 9}, {2, 3, 9}, {3, 0, 9}, {4, 5, 9}, {5, 6, 9}, {6, 7, 9}, {7, 4, 9}, {3, 4, 1}});
  for (const MetisMethod method : kMethods) CHECK(cut_of(graph, halves(graph, method)) == 1);
}

TEST_CASE("METIS sees 64-bit weights in proportion", "[metis]") {
  constexpr Weight kHeavy = Weight{1} << 50;
  const WeightedGraph graph =
      test::make_graph({kHeavy, kHeavy, kHeavy, kHeavy}, {{0, 1, kHeavy}, {1, 2, kHeavy / 1000}, {2, 3, kHeavy}});
  for (const MetisMethod method : kMethods) {
    const Assignment assignment = halves(graph, method);
    CHECK(cut_of(graph, assignment) == kHeavy / 1000);
    CHECK(is_feasible(graph, assignment, uniform_limits(graph, 2, 0.03)));
  }
}

TEST_CASE("METIS balances two constraints and unequal blocks", "[metis]") {
  const WeightedGraph graph = test::grid(30, 30);
  const BalanceLimits limits{.blocks = 3, .constraints = 1, .max_weights = {470, 235, 235}};
  for (const MetisMethod method : kMethods) {
    const Assignment assignment = metis_partition(graph, limits, {.method = method, .seed = 3});
    CHECK(violation_of(graph, assignment, limits) < 0.01);
  }
  WeightedGraph two = graph;
  two.constraints = 2;
  two.vertex_weights.clear();
  for (int v = 0; v < 900; ++v) two.vertex_weights.insert(two.vertex_weights.end(), {v < 450 ? 1 : 3, v % 2});
  const BalanceLimits both = uniform_limits(two, 4, 0.1);
  for (const MetisMethod method : kMethods)
    CHECK(violation_of(two, metis_partition(two, both, {.method = method, .seed = 3}), both) < 0.02);
}

TEST_CASE("METIS survives whatever graph there is, the same for the same seed", "[metis]") {
  for (const test::Kind kind : test::kKinds) {
    for (std::uint64_t seed = 0; seed < 25; ++seed) {
      RandomSource random(seed);
      const WeightedGraph graph = test::random_graph(kind, static_cast<int>(random.below(60)), random);
      const auto blocks = 1 + static_cast<std::int32_t>(random.below(12));
      const BalanceLimits limits = uniform_limits(graph, blocks, random.below(3) == 0 ? 5.0 : 0.03);
      INFO(test::name_of(kind) << " seed " << seed << " blocks " << blocks);
      for (const MetisMethod method : kMethods) {
        const Assignment once = metis_partition(graph, limits, {.method = method, .seed = seed});
        REQUIRE_NOTHROW(check_partition(graph, once, limits));
        REQUIRE(once == metis_partition(graph, limits, {.method = method, .seed = seed}));
      }
    }
  }
}

TEST_CASE("METIS is not asked where there is nothing to decide", "[metis]") {
  CHECK(metis_partition(WeightedGraph{}, {.blocks = 4, .constraints = 1, .max_weights = {0, 0, 0, 0}}, {}).empty());
  const WeightedGraph graph = test::make_graph({1, 7, 3}, {{0, 1, 1}, {1, 2, 1}});
  const BalanceLimits one = uniform_limits(graph, 1, 0.0);
  CHECK(metis_partition(graph, one, {}) == test::make_assignment({0, 0, 0}));
  // More blocks than vertices: the heaviest vertex goes to the roomiest block.
  const BalanceLimits limits{.blocks = 4, .constraints = 1, .max_weights = {1, 3, 9, 2}};
  CHECK(metis_partition(graph, limits, {}) == test::make_assignment({3, 2, 1}));
}

TEST_CASE("METIS takes blocks that may hold nothing", "[metis]") {
  const WeightedGraph graph = test::grid(10, 10);
  const BalanceLimits limits{.blocks = 3, .constraints = 1, .max_weights = {60, 0, 60}};
  for (const MetisMethod method : kMethods)
    CHECK(violation_of(graph, metis_partition(graph, limits, {.method = method}), limits) < 0.1);
}

}  // namespace mp::partition
