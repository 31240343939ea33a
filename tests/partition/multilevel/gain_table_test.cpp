#include "partition/multilevel/gain_table.hpp"

#include <algorithm>

#include "tests/partition/support/graphs.hpp"
#include "tests/support/catch.hpp"

namespace mp::partition {
namespace {

std::vector<VertexId> counted_boundary(const PartitionState& state) {
  std::vector<VertexId> found;
  for (const VertexId v : ids<VertexId>(static_cast<std::size_t>(state.graph().vertices()))) {
    const auto neighbours = state.graph().neighbours_of(v);
    const auto elsewhere = [&](VertexId u) { return state.block(u) != state.block(v); };
    if (std::any_of(neighbours.begin(), neighbours.end(), elsewhere)) found.push_back(v);
  }
  return found;
}

std::vector<VertexId> sorted_boundary(GainTable& table) {
  const std::span<const VertexId> boundary = table.boundary();
  std::vector<VertexId> sorted(boundary.begin(), boundary.end());
  std::ranges::sort(sorted);
  return sorted;
}

}  // namespace

TEST_CASE("rows and boundary follow every move", "[gain-table]") {
  const test::Kind kind = GENERATE(from_range(std::begin(test::kKinds), std::end(test::kKinds)));
  CAPTURE(test::name_of(kind));
  RandomSource random(7);
  const WeightedGraph graph = test::random_graph(kind, 60, random);
  const BalanceLimits limits = uniform_limits(graph, 4, 0.5);
  // Blocks of near vertices, so that many start inside and come to the boundary later.
  Assignment start(60);
  for (std::size_t v = 0; v < 60; ++v) start[make_id<VertexId>(v)] = make_id<BlockId>(v / 15);
  PartitionState state(graph, limits, start);
  GainTable table;
  table.attach(state);
  CHECK(sorted_boundary(table) == counted_boundary(state));
  for (int round = 0; round < 40; ++round) {
    for (int i = 0; i < 3; ++i) {
      const auto v = make_id<VertexId>(random.below(60));
      const auto to = make_id<BlockId>(random.below(4));
      if (to != state.block(v)) table.move(v, to);
    }
    REQUIRE(sorted_boundary(table) == counted_boundary(state));
    REQUIRE(table.consistent());
  }
}

}  // namespace mp::partition
