#include "tests/partition/support/graphs.hpp"

#include <utility>

namespace mp::partition::test {
namespace {

VertexId vertex(std::uint64_t id) { return make_id<VertexId>(id); }

Weight vertex_weight(Kind kind, RandomSource& random) {
  switch (kind) {
    case Kind::kZeroWeights:
      return random.below(3) == 0 ? static_cast<Weight>(random.below(4)) : 0;
    case Kind::kExtremeRatios:
      return random.below(4) == 0 ? Weight{1} << random.below(40) : 1;
    case Kind::kUniform:
    case Kind::kDisconnected:
    case Kind::kStarLike:
    case Kind::kTwoConstraints:
      break;
  }
  return 1 + static_cast<Weight>(random.below(3));
}

Weight edge_weight(Kind kind, RandomSource& random) {
  if (kind == Kind::kExtremeRatios) return Weight{1} << random.below(44);
  return 1 + static_cast<Weight>(random.below(5));
}

std::pair<std::uint64_t, std::uint64_t> ends(Kind kind, std::uint64_t vertices, RandomSource& random) {
  if (kind == Kind::kStarLike && random.below(3) != 0) return {random.below(2) % vertices, random.below(vertices)};
  if (kind == Kind::kDisconnected) {
    const std::uint64_t from = random.below(vertices);
    return {from, (from / 5 * 5 + random.below(5)) % vertices};
  }
  return {random.below(vertices), random.below(vertices)};
}

}  // namespace

WeightedGraph make_graph(std::vector<Weight> vertex_weights, const std::vector<PlainEdge>& edges,
                         std::int32_t constraints) {
  std::vector<WeightedEdge> list;
  for (const PlainEdge& e : edges)
    list.push_back({.from = make_id<VertexId>(e.from), .to = make_id<VertexId>(e.to), .weight = e.weight});
  return build_graph({.constraints = constraints, .weights = std::move(vertex_weights)}, list);
}

Assignment make_assignment(const std::vector<int>& blocks) {
  Assignment result;
  for (const int b : blocks) result.push_back(make_id<BlockId>(b));
  return result;
}

WeightedGraph grid(int width, int height) {
  std::vector<PlainEdge> edges;
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      if (x + 1 < width) edges.push_back({y * width + x, y * width + x + 1});
      if (y + 1 < height) edges.push_back({y * width + x, (y + 1) * width + x});
    }
  }
  return make_graph(std::vector<Weight>(static_cast<std::size_t>(width * height), 1), edges);
}

WeightedGraph star(int vertices) {
  std::vector<PlainEdge> edges;
  for (int v = 1; v < vertices; ++v) edges.push_back({0, v});
  return make_graph(std::vector<Weight>(static_cast<std::size_t>(vertices), 1), edges);
}

std::string name_of(Kind kind) {
  switch (kind) {
    case Kind::kUniform:
      return "uniform";
    case Kind::kZeroWeights:
      return "zero weights";
    case Kind::kExtremeRatios:
      return "extreme ratios";
    case Kind::kDisconnected:
      return "disconnected";
    case Kind::kStarLike:
      return "star-like";
    case Kind::kTwoConstraints:
      return "two constraints";
  }
  return {};
}

WeightedGraph random_graph(Kind kind, int vertices, RandomSource& random) {
  const auto count = static_cast<std::uint64_t>(vertices);
  const std::int32_t constraints = kind == Kind::kTwoConstraints ? 2 : 1;
  std::vector<Weight> weights;
  for (std::uint64_t i = 0; i < count * static_cast<std::uint64_t>(constraints); ++i)
    weights.push_back(vertex_weight(kind, random));
  std::vector<WeightedEdge> edges;
  for (std::uint64_t i = 0; count > 0 && i < 2 * count; ++i) {
    const auto [from, to] = ends(kind, count, random);
    edges.push_back({.from = vertex(from), .to = vertex(to), .weight = edge_weight(kind, random)});
  }
  return build_graph({.constraints = constraints, .weights = std::move(weights)}, edges);
}

Assignment random_assignment(const WeightedGraph& graph, std::int32_t blocks, RandomSource& random) {
  Assignment result;
  for (std::int32_t v = 0; v < graph.vertices(); ++v)
    result.push_back(make_id<BlockId>(random.below(static_cast<std::uint64_t>(blocks))));
  return result;
}

}  // namespace mp::partition::test
