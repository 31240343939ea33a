#include "partition/graph/graph_builder.hpp"

#include <limits>

#include "lib/base/error.hpp"
#include "partition/graph/metrics.hpp"
#include "partition/graph/tracked_partition.hpp"
#include "tests/partition/support/graphs.hpp"
#include "tests/support/catch.hpp"

namespace mp::partition {
namespace {

using test::make_assignment;
using test::make_graph;

std::string message_of(VertexWeights vertices, const std::vector<WeightedEdge>& edges) {
  try {
    static_cast<void>(build_graph(std::move(vertices), edges));
  } catch (const InputError& error) {
    return error.what();
  }
  return "accepted";
}

constexpr Weight kHuge = std::numeric_limits<Weight>::max();

}  // namespace

TEST_CASE("building a graph merges parallel edges and drops self loops and weightless edges", "[graph]") {
  const WeightedGraph graph = make_graph({1, 2, 3}, {{0, 1, 5}, {1, 0, 2}, {1, 1, 9}, {2, 0, 0}, {2, 1, 1}});
  CHECK(graph.offsets == std::vector<std::int64_t>{0, 1, 3, 4});
  CHECK(graph.neighbours == std::vector<VertexId>{VertexId{1}, VertexId{0}, VertexId{2}, VertexId{1}});
  CHECK(graph.edge_weights == std::vector<Weight>{7, 7, 1, 1});
  CHECK(graph.edges() == 2);
  CHECK(is_consistent(graph));
}

TEST_CASE("building a graph refuses what would break its guarantees", "[graph]") {
  const VertexWeights two{.constraints = 1, .weights = {1, 1}};
  CHECK(message_of(two, {{VertexId{0}, VertexId{2}, 1}}) == "<graph>: edge 0: vertex 2 is not one of the 2 vertices");
  CHECK(message_of(two, {{VertexId{-1}, VertexId{1}, 1}}) == "<graph>: edge 0: vertex -1 is not one of the 2 vertices");
  CHECK(message_of(two, {{VertexId{0}, VertexId{1}, -4}}) == "<graph>: edge 0: negative weight -4");
  CHECK(message_of({.constraints = 1, .weights = {1, -1}}, {}) == "<graph>: vertex 1: negative weight -1");
  CHECK(message_of({.constraints = 2, .weights = {1}}, {}) ==
        "<graph>: 1 vertex weights are no multiple of 2 constraints");
  CHECK(message_of({.constraints = 0, .weights = {}}, {}) == "<graph>: 0 balance constraints; at least 1");
  CHECK(message_of({.constraints = 1, .weights = {kHuge, 1}}, {}) ==
        "<graph>: the sum of the vertex weights does not fit 64 bits; use a coarser unit");
  CHECK(message_of(two, {{VertexId{0}, VertexId{1}, kHuge / 2 + 1}}) ==
        "<graph>: the sum of the edge weights does not fit 64 bits; use a coarser unit");
}

TEST_CASE("metrics of a partition computed by hand", "[graph]") {
  //  0 -3- 1
  //  |     | 4     blocks {0,2} and {1,3}
  //  2 -5- 3
  const WeightedGraph graph = make_graph({1, 2, 3, 4}, {{0, 1, 3}, {1, 3, 4}, {2, 3, 5}, {0, 2, 7}});
  const Assignment assignment = make_assignment({0, 1, 0, 1});
  const BalanceLimits limits{.blocks = 2, .constraints = 1, .max_weights = {5, 5}};
  CHECK(cut_of(graph, assignment) == 8);
  CHECK(block_weights_of(graph, assignment, 2) == std::vector<Weight>{4, 6});
  CHECK(imbalance_of(graph, assignment, limits).at(0) == Approx(0.2));
  CHECK(violation_of(graph, assignment, limits) == Approx(0.1));
  CHECK_FALSE(is_feasible(graph, assignment, limits));
  CHECK(is_feasible(graph, make_assignment({0, 1, 1, 0}), limits));
}

TEST_CASE("imbalance follows unequal capacities and ignores weightless constraints", "[graph]") {
  const WeightedGraph graph = make_graph({3, 0, 1, 0}, {{0, 1, 1}}, 2);
  const BalanceLimits limits{.blocks = 2, .constraints = 2, .max_weights = {6, 1, 2, 1}};
  CHECK(imbalance_of(graph, make_assignment({0, 1}), limits) == std::vector<double>{0.0, 0.0});
  CHECK(imbalance_of(graph, make_assignment({0, 0}), limits).at(0) == Approx(1.0 / 3.0));
}

TEST_CASE("equal blocks may be heavier than average by the imbalance, rounded as promised", "[graph]") {
  const WeightedGraph graph = make_graph({50, 51}, {});
  CHECK(uniform_limits(graph, 2, 0.03).max_weights == std::vector<Weight>{52, 52});
  CHECK(uniform_limits(graph, 3, 0.0).max_weights == std::vector<Weight>{34, 34, 34});
}

TEST_CASE("a partition under random moves stays equal to its recount", "[graph]") {
  for (const test::Kind kind : test::kKinds) {
    for (std::uint64_t seed = 0; seed < 20; ++seed) {
      RandomSource random(seed);
      const WeightedGraph graph = test::random_graph(kind, 1 + static_cast<int>(random.below(20)), random);
      REQUIRE(is_consistent(graph));
      const BalanceLimits limits = uniform_limits(graph, 3, 0.1);
      TrackedPartition state(graph, limits, test::random_assignment(graph, 3, random));
      for (int step = 0; step < 30; ++step) {
        const auto v = make_id<VertexId>(random.below(static_cast<std::uint64_t>(graph.vertices())));
        const auto to = make_id<BlockId>(random.below(3));
        const double expected = state.violation() + (to == state.block_of(v) ? 0.0 : state.violation_change(v, to));
        const bool fitted = to == state.block_of(v) || state.fits(v, to);
        state.move(v, to);
        CHECK(state.violation() == Approx(expected).margin(1e-12));
        CHECK(state.cut() == cut_of(graph, state.assignment()));
        CHECK(state.violation() == violation_of(graph, state.assignment(), limits));
        CHECK(state.feasible() == is_feasible(graph, state.assignment(), limits));
        if (fitted && state.block_of(v) == to && state.feasible()) CHECK_FALSE(state.overloaded(to));
      }
      const std::vector<Weight> weights = block_weights_of(graph, state.assignment(), 3);
      for (const BlockId b : ids<BlockId>(3))
        CHECK(state.weights_of(b)[0] == weights[index(b) * static_cast<std::size_t>(graph.constraints)]);
    }
  }
}

TEST_CASE("the generator is the same everywhere", "[graph]") {
  RandomSource random(0);
  CHECK(random.next() == 0xe220a8397b1dcdafULL);
  CHECK(random.next() == 0x6e789e6aa1b965f4ULL);
  std::vector<int> items{0, 1, 2, 3, 4, 5, 6, 7};
  RandomSource(7).shuffle(std::span(items));
  std::vector<int> again{0, 1, 2, 3, 4, 5, 6, 7};
  RandomSource(7).shuffle(std::span(again));
  CHECK(items == again);
  CHECK(RandomSource(1).fork(0).next() != RandomSource(1).fork(1).next());
}

}  // namespace mp::partition
