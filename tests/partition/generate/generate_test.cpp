#include "partition/generate/generate.hpp"

#include "lib/base/error.hpp"
#include "partition/graph/graph_builder.hpp"
#include "tests/support/catch.hpp"

namespace mp::partition {

TEST_CASE("every family makes valid graphs of about the size asked for, the same for a seed", "[generate]") {
  for (const Family family : families()) {
    for (const std::int64_t edges : {1, 100, 30000}) {
      CAPTURE(name_of(family), edges);
      const WeightedGraph graph = generate(family, edges, 1);
      CHECK(is_consistent(graph));
      CHECK(graph == generate(family, edges, 1));
      if (edges < 1000) continue;
      CHECK(graph.edges() > edges * 6 / 10);
      CHECK(graph.edges() < edges * 14 / 10);
    }
    CHECK(family_from(name_of(family)) == family);
  }
}

TEST_CASE("random families differ by seed", "[generate]") {
  for (const Family family : {Family::kGeometric, Family::kDelaunay, Family::kPowerLaw, Family::kLayeredModel}) {
    CAPTURE(name_of(family));
    CHECK_FALSE(generate(family, 5000, 1) == generate(family, 5000, 2));
  }
}

TEST_CASE("a grid of four by four", "[generate]") {
  const WeightedGraph graph = generate(Family::kGrid2d, 24, 0);
  CHECK(graph.vertices() == 16);
  CHECK(graph.edges() == 24);
}

TEST_CASE("power laws have hubs and planar triangulations do not", "[generate]") {
  const auto largest_degree = [](const WeightedGraph& graph) {
    std::size_t largest = 0;
    for (const VertexId v : ids<VertexId>(static_cast<std::size_t>(graph.vertices()))) {
      largest = std::max(largest, graph.neighbours_of(v).size());
    }
    return largest;
  };
  CHECK(largest_degree(generate(Family::kPowerLaw, 30000, 1)) > 200);
  CHECK(largest_degree(generate(Family::kDelaunay, 30000, 1)) <= 8);
}

TEST_CASE("unknown families and impossible sizes are refused", "[generate]") {
  CHECK_FALSE(family_from("hypercube"));
  CHECK_THROWS_AS(generate(Family::kGrid2d, 0, 0), UsageError);
  CHECK_THROWS_AS(generate(Family::kGrid2d, 2'000'000'000, 0), UsageError);
}

}  // namespace mp::partition
