#include "partition/acyclic/acyclic.hpp"

#include <algorithm>
#include <cmath>

#include "lib/base/error.hpp"
#include "partition/acyclic/exact_acyclic.hpp"
#include "partition/acyclic/ideals.hpp"
#include "partition/acyclic/interval_split.hpp"
#include "partition/acyclic/reduce.hpp"
#include "partition/graph/metrics.hpp"
#include "tests/partition/support/brute_force.hpp"
#include "tests/partition/support/dags.hpp"
#include "tests/support/catch.hpp"

namespace mp::partition {
namespace {

using test::make_assignment;
using test::make_graph;

std::vector<Arc> arcs(const std::vector<std::pair<int, int>>& pairs) {
  std::vector<Arc> result;
  for (const auto& [from, to] : pairs) result.push_back({.from = make_id<VertexId>(from), .to = make_id<VertexId>(to)});
  return result;
}

constexpr OrderPolicy kPolicies[] = {OrderPolicy::kBreadthFirst, OrderPolicy::kDepthFirst, OrderPolicy::kLeastOpen,
                                     OrderPolicy::kRandom};

bool respects_arcs(const TaskDag& dag, const std::vector<VertexId>& order) {
  IdVector<VertexId, std::size_t> place(order.size());
  for (std::size_t i = 0; i < order.size(); ++i) place[order[i]] = i;
  for (const VertexId v : order)
    for (const VertexId u : dag.successors_of(v))
      if (place[u] < place[v]) return false;
  return true;
}

bool keeps(const Assignment& assignment, std::span<const BlockId> fixed) {
  for (std::size_t v = 0; v < fixed.size(); ++v)
    if (fixed[v] != kNone<BlockId> && assignment[make_id<VertexId>(v)] != fixed[v]) return false;
  return true;
}

struct Instance {
  TaskDag dag;
  BalanceLimits limits;
};

Instance small_instance(test::Kind kind, RandomSource& random) {
  const auto blocks = 2 + static_cast<std::int32_t>(random.below(2));
  Instance result{.dag = test::random_dag(kind, 1 + static_cast<int>(random.below(blocks == 2 ? 12 : 8)), random),
                  .limits = {}};
  result.limits = uniform_limits(result.dag.graph, blocks, 0.25);
  if (random.coin())
    for (Weight& w : result.limits.max_weights)
      w += static_cast<Weight>(random.below(static_cast<std::uint64_t>(w) + 1));
  return result;
}

std::optional<test::Worth> best_acyclic(const Instance& instance, std::span<const BlockId> fixed = {}) {
  return test::best_worth(instance.dag.graph, instance.limits, [&](const Assignment& a) {
    return is_acyclic(instance.dag, a, instance.limits.blocks) && keeps(a, fixed);
  });
}

}  // namespace

TEST_CASE("a cycle of arcs is refused by name", "[acyclic]") {
  const WeightedGraph graph = make_graph({1, 1, 1, 1}, {{0, 1}});
  CHECK_THROWS_WITH(make_task_dag(graph, arcs({{0, 1}, {1, 2}, {2, 3}, {3, 1}})),
                    "<graph>: the arcs form a cycle: 1 -> 2 -> 3 -> 1");
  CHECK_THROWS_WITH(make_task_dag(graph, arcs({{0, 4}})), "<graph>: arc 0: vertex 4 is not one of the 4 vertices");
  const TaskDag dag = make_task_dag(graph, arcs({{0, 1}, {0, 1}, {2, 2}, {0, 3}}));
  CHECK(dag.successors_of(VertexId{0}).size() == 2);
  CHECK(dag.predecessors_of(VertexId{3}).size() == 1);
}

TEST_CASE("a quotient graph with a cycle is told from one without", "[acyclic]") {
  const TaskDag chain = make_task_dag(make_graph({1, 1, 1}, {{0, 1}, {1, 2}}), arcs({{0, 1}, {1, 2}}));
  CHECK(is_acyclic(chain, make_assignment({1, 1, 0}), 3));
  CHECK(block_order(chain, make_assignment({1, 1, 0}), 3) == std::vector<BlockId>{BlockId{1}, BlockId{0}, BlockId{2}});
  CHECK_FALSE(is_acyclic(chain, make_assignment({0, 1, 0}), 2));
}

TEST_CASE("every order respects the arcs", "[acyclic]") {
  for (const test::Kind kind : test::kKinds) {
    RandomSource random(11);
    const TaskDag dag = test::random_dag(kind, 80, random);
    for (const OrderPolicy policy : kPolicies) CHECK(respects_arcs(dag, topological_order(dag, policy, random)));
  }
}

TEST_CASE("an order is split at the best places", "[acyclic]") {
  for (const test::Kind kind : test::kKinds) {
    for (std::uint64_t seed = 0; seed < 20; ++seed) {
      RandomSource random(seed);
      const Instance instance = small_instance(kind, random);
      const auto order = topological_order(instance.dag, OrderPolicy::kRandom, random);
      std::vector<BlockId> blocks;
      for (std::int32_t b = instance.limits.blocks - 1; b >= 0; --b) blocks.push_back(BlockId{b});
      const auto found = split_order(instance.dag.graph, instance.limits, order, {.blocks = blocks});
      REQUIRE(found);
      const auto best = test::best_worth(instance.dag.graph, instance.limits, [&](const Assignment& a) {
        return std::is_sorted(order.begin(), order.end(), [&](VertexId u, VertexId v) { return a[u] > a[v]; });
      });
      INFO(test::name_of(kind) << " seed " << seed);
      const auto worth = test::worth_of(instance.dag.graph, *found, instance.limits);
      CHECK(std::get<0>(worth) == Approx(std::get<0>(*best)));
      if (std::get<0>(*best) == 0.0) CHECK(worth == *best);  // other sums of violations may differ in the last bit
    }
  }
}

TEST_CASE("refining an acyclic partition keeps it acyclic and never makes it worse", "[acyclic]") {
  for (const test::Kind kind : test::kKinds) {
    for (std::uint64_t seed = 0; seed < 40; ++seed) {
      RandomSource random(seed);
      const TaskDag dag = test::random_dag(kind, 1 + static_cast<int>(random.below(60)), random);
      const BalanceLimits limits = uniform_limits(dag.graph, 4, 0.2);
      const auto order = topological_order(dag, OrderPolicy::kRandom, random);
      Assignment start(order.size());
      for (std::size_t i = 0; i < order.size(); ++i) start[order[i]] = make_id<BlockId>(4 * i / order.size());
      const AcyclicRefinement result = refine_acyclic(dag, limits, start, {.seed = seed});
      CHECK(is_acyclic(dag, result.assignment, 4));
      CHECK(result.cut_before == cut_of(dag.graph, start));
      CHECK(result.cut_after == cut_of(dag.graph, result.assignment));
      CHECK(test::worth_of(dag.graph, result.assignment, limits) <= test::worth_of(dag.graph, start, limits));
    }
  }
}

TEST_CASE("merging what cannot be parted loses no partition below the bound", "[acyclic]") {
  for (const test::Kind kind : test::kKinds) {
    for (std::uint64_t seed = 0; seed < 15; ++seed) {
      RandomSource random(seed);
      const Instance instance = small_instance(kind, random);
      const Weight bound = 1 + static_cast<Weight>(random.below(20));
      const ReducedDag reduced = reduce_dag(instance.dag, bound);
      test::for_each_assignment(instance.dag.graph.vertices(), 2, [&](const Assignment& a) {
        if (!is_acyclic(instance.dag, a, 2) || cut_of(instance.dag.graph, a) >= bound) return;
        for (const VertexId u : ids<VertexId>(a.size()))
          for (const VertexId v : ids<VertexId>(a.size()))
            if (reduced.classes.of[u] == reduced.classes.of[v]) REQUIRE(a[u] == a[v]);
      });
    }
  }
}

TEST_CASE("the exact solver is right on every small graph, and others come near", "[acyclic]") {
  double log_ratio = 0.0;
  int compared = 0;
  for (const test::Kind kind : test::kKinds) {
    for (std::uint64_t seed = 0; seed < 30; ++seed) {
      RandomSource random(seed);
      const Instance instance = small_instance(kind, random);
      INFO(test::name_of(kind) << " seed " << seed << " blocks " << instance.limits.blocks);
      const Assignment found = acyclic_partition(instance.dag, instance.limits, {.seed = seed});
      CHECK(is_acyclic(instance.dag, found, instance.limits.blocks));
      const auto [violation, empty, cut] = best_acyclic(instance).value();
      const ExactResult exact = exact_acyclic(instance.dag, instance.limits, found, {});
      if (violation > 0.0 || empty > 0) {
        CHECK(exact.impossible);
        continue;
      }
      CHECK(exact.optimal);
      CHECK(exact.lower_bound == cut);
      CHECK(test::worth_of(instance.dag.graph, exact.assignment, instance.limits) == test::Worth(0.0, 0, cut));
      CHECK(is_acyclic(instance.dag, exact.assignment, instance.limits.blocks));
      if (!is_feasible(instance.dag.graph, found, instance.limits)) continue;
      log_ratio += std::log(static_cast<double>(cut_of(instance.dag.graph, found) + 1) / static_cast<double>(cut + 1));
      ++compared;
    }
  }
  REQUIRE(compared > 80);
  CHECK(std::exp(log_ratio / compared) < 1.05);
}

TEST_CASE("the exact solver keeps pinned vertices, and proves what cannot be", "[acyclic]") {
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    RandomSource random(seed);
    const Instance instance = small_instance(test::Kind::kUniform, random);
    std::vector<BlockId> fixed(static_cast<std::size_t>(instance.dag.graph.vertices()), kNone<BlockId>);
    for (int i = 0; i < 2; ++i)
      fixed[random.below(fixed.size())] =
          make_id<BlockId>(random.below(static_cast<std::uint64_t>(instance.limits.blocks)));
    const auto best = best_acyclic(instance, fixed);
    const ExactResult exact =
        exact_acyclic(instance.dag, instance.limits, Assignment(fixed.size(), BlockId{0}), {.fixed = fixed});
    INFO("seed " << seed);
    if (!best || std::get<0>(*best) > 0.0 || std::get<1>(*best) > 0) {
      CHECK(exact.impossible);
      continue;
    }
    CHECK(exact.optimal);
    CHECK(exact.lower_bound == std::get<2>(*best));
    CHECK(keeps(exact.assignment, fixed));
  }
}

TEST_CASE("the exact solver proves layered models of hundreds of vertices", "[acyclic]") {
  RandomSource random(1);
  const TaskDag dag = test::layered_dag(150, 3, 6, random);
  const BalanceLimits limits = uniform_limits(dag.graph, 4, 0.05);
  const Assignment found = acyclic_partition(dag, limits, {.seed = 1});
  const ExactResult exact = exact_acyclic(dag, limits, found, {});
  CHECK(exact.optimal);
  CHECK(exact.lower_bound <= cut_of(dag.graph, found));
  CHECK(cut_of(dag.graph, exact.assignment) == exact.lower_bound);
  CHECK(is_feasible(dag.graph, exact.assignment, limits));
  CHECK(is_acyclic(dag, exact.assignment, 4));
}

TEST_CASE("out of steps, the exact solver still has a true bound", "[acyclic]") {
  RandomSource random(2);
  const TaskDag dag = test::layered_dag(40, 6, 4, random);
  const BalanceLimits limits = uniform_limits(dag.graph, 4, 0.1);
  const Assignment found = acyclic_partition(dag, limits, {.seed = 1});
  const ExactResult full = exact_acyclic(dag, limits, found, {.steps = 100'000'000});
  const ExactResult brief = exact_acyclic(dag, limits, found, {.steps = 2000});
  CHECK_FALSE(brief.optimal);
  CHECK(brief.assignment == found);
  CHECK(brief.lower_bound <= full.lower_bound);
  CHECK(exact_acyclic(dag, limits, found, {.bytes = 1000}).optimal == false);
}

TEST_CASE("pinned vertices decide the order of the blocks", "[acyclic]") {
  RandomSource random(4);
  const TaskDag dag = test::layered_dag(30, 2, 5, random);
  const BalanceLimits limits = uniform_limits(dag.graph, 3, 0.2);
  std::vector<BlockId> fixed(60, kNone<BlockId>);
  fixed[0] = BlockId{2};
  fixed[59] = BlockId{0};
  const Assignment found = acyclic_partition(dag, limits, {.fixed = fixed});
  CHECK(keeps(found, fixed));
  CHECK(is_acyclic(dag, found, 3));
  CHECK(is_feasible(dag.graph, found, limits));
  fixed[0] = fixed[59] = BlockId{1};
  fixed[30] = BlockId{2};  // between the two: a cycle of blocks
  CHECK_THROWS_AS(acyclic_partition(dag, limits, {.fixed = fixed}), InfeasibleError);
}

}  // namespace mp::partition
