#include "tests/partition/support/dags.hpp"

#include <algorithm>
#include <utility>

namespace mp::partition::test {

TaskDag random_dag(Kind kind, int vertices, RandomSource& random) {
  WeightedGraph graph = random_graph(kind, vertices, random);
  std::vector<Arc> arcs;
  for (const VertexId v : ids<VertexId>(static_cast<std::size_t>(graph.vertices())))
    for (const VertexId u : graph.neighbours_of(v))
      if (v < u && random.below(5) != 0) arcs.push_back({.from = v, .to = u});
  for (int i = 0; i < vertices / 5; ++i) {
    const auto count = static_cast<std::uint64_t>(vertices);
    const auto [from, to] = std::minmax({random.below(count), random.below(count)});
    if (from < to) arcs.push_back({.from = make_id<VertexId>(from), .to = make_id<VertexId>(to)});
  }
  return make_task_dag(std::move(graph), arcs);
}

TaskDag layered_dag(int layers, int width, int period, RandomSource& random) {
  std::vector<Weight> weights;
  std::vector<PlainEdge> edges;
  std::vector<Arc> arcs;
  const auto join = [&](int from, int to) {
    edges.push_back({from, to, 1 + static_cast<Weight>(random.below(100))});
    arcs.push_back({.from = make_id<VertexId>(from), .to = make_id<VertexId>(to)});
  };
  for (int layer = 0; layer < layers; ++layer) {
    for (int i = 0; i < width; ++i) {
      weights.push_back(1 + static_cast<Weight>(random.below(9)));
      if (layer == 0) continue;
      const int here = layer * width + i;
      join(here - width, here);
      if (layer % period == 0)
        for (int other = 0; other < width; ++other)
          if (other != i) join((layer - 1) * width + other, here);
    }
  }
  return make_task_dag(make_graph(std::move(weights), edges), arcs);
}

}  // namespace mp::partition::test
