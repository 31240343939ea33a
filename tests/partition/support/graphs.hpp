// Small graphs for the partition tests: drawn by hand, and random by seed.
#pragma once

#include <string>
#include <vector>

#include "partition/graph/graph_builder.hpp"
#include "partition/graph/random_source.hpp"
#include "partition/graph/weighted_graph.hpp"

namespace mp::partition::test {

struct PlainEdge {
  int from = 0;
  int to = 0;
  Weight weight = 1;
};

[[nodiscard]] WeightedGraph make_graph(std::vector<Weight> vertex_weights, const std::vector<PlainEdge>& edges,
                                       std::int32_t constraints = 1);
[[nodiscard]] Assignment make_assignment(const std::vector<int>& blocks);

// width × height, unit weights.
[[nodiscard]] WeightedGraph grid(int width, int height);
// Vertex 0 joined to all others.
[[nodiscard]] WeightedGraph star(int vertices);

// The kinds of random graph that break partitioners.
enum class Kind { kUniform, kZeroWeights, kExtremeRatios, kDisconnected, kStarLike, kTwoConstraints };
inline constexpr Kind kKinds[] = {Kind::kUniform,      Kind::kZeroWeights, Kind::kExtremeRatios,
                                  Kind::kDisconnected, Kind::kStarLike,    Kind::kTwoConstraints};
[[nodiscard]] std::string name_of(Kind kind);
[[nodiscard]] WeightedGraph random_graph(Kind kind, int vertices, RandomSource& random);
[[nodiscard]] Assignment random_assignment(const WeightedGraph& graph, std::int32_t blocks, RandomSource& random);

}  // namespace mp::partition::test
