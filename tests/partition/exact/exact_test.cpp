#include "partition/exact/exact.hpp"

#include <algorithm>
#include <numeric>

#include "partition/exact/inseparable.hpp"
#include "partition/exact/max_flow.hpp"
#include "partition/graph/metrics.hpp"
#include "partition/kernighan_lin/kernighan_lin.hpp"
#include "tests/partition/support/brute_force.hpp"
#include "tests/partition/support/graphs.hpp"
#include "tests/support/catch.hpp"

namespace mp::partition {
namespace {

using test::make_assignment;

// The least cut that parts u from v, by trying all.
Weight parting(const WeightedGraph& graph, VertexId u, VertexId v) {
  Weight least = std::reduce(graph.edge_weights.begin(), graph.edge_weights.end(), Weight{0});
  test::for_each_assignment(graph.vertices(), 2, [&](const Assignment& a) {
    if (a[u] != a[v]) least = std::min(least, cut_of(graph, a));
  });
  return least;
}

}  // namespace

TEST_CASE("a flow is as great as the least cut", "[exact]") {
  //  0 -3- 1 -9- 3,  0 -4- 2 -2- 3: at most 3 + 2 from 0 to 3.
  const WeightedGraph graph = test::make_graph({1, 1, 1, 1}, {{0, 1, 3}, {1, 3, 9}, {0, 2, 4}, {2, 3, 2}});
  MaxFlow flow(graph);
  CHECK(flow.run(VertexId{0}, VertexId{3}, 100) == 5);
  CHECK(flow.on_source_side(VertexId{2}));
  CHECK_FALSE(flow.on_source_side(VertexId{1}));
  CHECK(flow.run(VertexId{1}, VertexId{3}, 4) >= 4);
}

TEST_CASE("classes are exactly what no cut below the bound parts", "[exact]") {
  for (const test::Kind kind : test::kKinds) {
    for (std::uint64_t seed = 0; seed < 12; ++seed) {
      RandomSource random(seed);
      const WeightedGraph graph = test::random_graph(kind, 2 + static_cast<int>(random.below(7)), random);
      const Weight bound = 1 + static_cast<Weight>(random.below(12));
      const Classes classes = inseparable_classes(graph, bound);
      const Classes cheap = inseparable_classes(graph, bound, 0);
      INFO(test::name_of(kind) << " seed " << seed);
      for (const VertexId u : ids<VertexId>(classes.of.size())) {
        for (const VertexId v : ids<VertexId>(classes.of.size())) {
          if (u == v) continue;
          const bool together = parting(graph, u, v) >= bound;
          CHECK((classes.of[u] == classes.of[v]) == together);
          if (cheap.of[u] == cheap.of[v]) CHECK(together);
        }
      }
    }
  }
}

TEST_CASE("branch and bound finds what trying everything finds", "[exact]") {
  for (const test::Kind kind : test::kKinds) {
    for (std::uint64_t seed = 0; seed < 30; ++seed) {
      RandomSource random(seed);
      const auto blocks = 1 + static_cast<std::int32_t>(random.below(4));
      const int most = blocks <= 2 ? 14 : blocks == 3 ? 9 : 7;
      const WeightedGraph graph =
          test::random_graph(kind, static_cast<int>(random.below(static_cast<std::uint64_t>(most) + 1)), random);
      BalanceLimits limits = uniform_limits(graph, blocks, 0.15);
      if (random.coin())
        for (Weight& w : limits.max_weights) w += static_cast<Weight>(random.below(static_cast<std::uint64_t>(w) + 1));
      std::vector<BlockId> fixed;
      if (random.coin())
        for (std::int32_t v = 0; v < graph.vertices(); ++v)
          fixed.push_back(random.below(4) == 0 ? make_id<BlockId>(random.below(static_cast<std::uint64_t>(blocks)))
                                               : kNone<BlockId>);
      const auto keeps = [&](const Assignment& a) {
        for (std::size_t v = 0; v < fixed.size(); ++v)
          if (fixed[v] != kNone<BlockId> && a[make_id<VertexId>(v)] != fixed[v]) return false;
        return true;
      };
      INFO(test::name_of(kind) << " seed " << seed << " blocks " << blocks << " vertices " << graph.vertices());
      Assignment known(static_cast<std::size_t>(graph.vertices()), BlockId{0});
      for (std::size_t v = 0; v < fixed.size(); ++v)
        if (fixed[v] != kNone<BlockId>) known[make_id<VertexId>(v)] = fixed[v];
      const auto best = test::best_worth(graph, limits, keeps);
      const ExactResult found = exact_partition(graph, limits, known, {.fixed = fixed});
      const bool possible = best && std::get<0>(*best) == 0.0 && std::get<1>(*best) == 0;
      CHECK(found.impossible == !possible);
      CHECK(found.optimal == possible);
      if (!possible) continue;
      CHECK(found.lower_bound == std::get<2>(*best));
      CHECK(test::worth_of(graph, found.assignment, limits) == *best);
      CHECK(keeps(found.assignment));
    }
  }
}

TEST_CASE("sparse graphs of dozens of vertices are solved, grids of 36 proved", "[exact]") {
  const WeightedGraph graph = test::grid(6, 6);
  const BalanceLimits limits = uniform_limits(graph, 2, 0.0);
  const ExactResult found = exact_partition(graph, limits, kernighan_lin_partition(graph, limits, {}), {});
  CHECK(found.optimal);
  CHECK(found.lower_bound == 6);
}

TEST_CASE("without steps enough, the bound is true and what was known stays", "[exact]") {
  const WeightedGraph graph = test::grid(8, 8);
  const BalanceLimits limits = uniform_limits(graph, 4, 0.0);
  const Assignment known = kernighan_lin_partition(graph, limits, {});
  const ExactResult brief = exact_partition(graph, limits, known, {.steps = 3000});
  CHECK_FALSE(brief.optimal);
  CHECK(brief.lower_bound >= 1);
  CHECK(brief.lower_bound <= 16);
  CHECK(cut_of(graph, brief.assignment) <= cut_of(graph, known));
}

}  // namespace mp::partition
