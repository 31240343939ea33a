// Graphs without a geometry: power laws and model graphs.
#include <algorithm>
#include <array>
#include <bit>
#include <vector>

#include "partition/generate/families.hpp"
#include "partition/graph/graph_builder.hpp"
#include "partition/graph/random_source.hpp"

namespace mp::partition::generators {

WeightedGraph power_law(std::int64_t edges, std::uint64_t seed) {
  constexpr std::int64_t kEdgesPerVertex = 8;
  const auto vertices = std::max<std::uint64_t>(2, static_cast<std::uint64_t>(edges / kEdgesPerVertex));
  const int levels = static_cast<int>(std::bit_width(vertices - 1));
  RandomSource random(seed);
  std::vector<WeightedEdge> list;
  list.reserve(static_cast<std::size_t>(edges));
  for (std::int64_t e = 0; e < edges; ++e) {
    std::int64_t row = 0;
    std::int64_t column = 0;
    for (int level = 0; level < levels; ++level) {
      const double p = random.unit();  // quadrants: 0.57, 0.19, 0.19, 0.05
      row = 2 * row + (p >= 0.76 ? 1 : 0);
      column = 2 * column + ((p >= 0.57 && p < 0.76) || p >= 0.95 ? 1 : 0);
    }
    if (row != column) list.push_back({make_id<VertexId>(row), make_id<VertexId>(column), 1});
  }
  WeightedGraph graph =
      build_graph({.weights = std::vector<Weight>(std::size_t{1} << static_cast<unsigned>(levels), 1)}, list);
  std::ranges::fill(graph.edge_weights, 1);  // an edge drawn twice is one edge
  return graph;
}

namespace {

// One training step of a layered network. Vertices weigh nanoseconds, edges bytes, in proportions like those of
// transformer profiles: a few operators take most of the time, a few edges carry most of the bytes.
class LayeredModel {
 public:
  explicit LayeredModel(std::uint64_t seed) : random_(seed) {}

  WeightedGraph build(std::int64_t edges) {
    std::int64_t skip = vertex(5);
    std::int64_t last = skip;
    while (static_cast<std::int64_t>(edges_.size()) < edges) {
      last = layer(last, skip);
      skip = last;
    }
    return build_graph({.weights = std::move(weights_)}, edges_);
  }

 private:
  static constexpr std::array<Weight, 6> kOperators{8, 400, 60, 15, 900, 12};

  // A chain of operators from `last`, the skip connection added at its end; returns the last forward operator.
  std::int64_t layer(std::int64_t last, std::int64_t skip) {
    const Weight bytes = Weight{256} << random_.below(7);
    for (const Weight cost : kOperators) {
      const std::int64_t forward = vertex(cost);
      const std::int64_t backward = vertex(2 * cost);
      const Weight width = bytes * (cost > 100 ? 4 : 1);
      join(last, forward, width);
      join(forward, backward, width / 2);  // what the backward operator keeps of the forward one
      if (last_backward_ >= 0) join(last_backward_, backward, width);
      last_backward_ = backward;
      last = forward;
    }
    join(skip, last, bytes);
    return last;
  }

  std::int64_t vertex(Weight cost) {
    weights_.push_back(1 + cost + static_cast<Weight>(random_.below(static_cast<std::uint64_t>(cost) + 1)));
    return static_cast<std::int64_t>(weights_.size()) - 1;
  }
  void join(std::int64_t a, std::int64_t b, Weight bytes) {
    edges_.push_back({make_id<VertexId>(a), make_id<VertexId>(b), bytes});
  }

  RandomSource random_;
  std::vector<Weight> weights_;
  std::vector<WeightedEdge> edges_;
  std::int64_t last_backward_ = -1;
};

}  // namespace

WeightedGraph layered_model(std::int64_t edges, std::uint64_t seed) { return LayeredModel(seed).build(edges); }

}  // namespace mp::partition::generators
