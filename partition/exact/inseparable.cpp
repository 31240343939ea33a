#include "partition/exact/inseparable.hpp"

#include <algorithm>
#include <numeric>
#include <queue>
#include <utility>

#include "partition/exact/max_flow.hpp"
#include "partition/graph/graph_builder.hpp"

namespace mp::partition {
namespace {

class UnionFind {
 public:
  explicit UnionFind(std::size_t size) : parent_(size) { std::iota(parent_.begin(), parent_.end(), 0); }
  std::size_t find(std::size_t x) {
    while (parent_[x] != x) x = parent_[x] = parent_[parent_[x]];
    return x;
  }
  void unite(std::size_t a, std::size_t b) { parent_[find(b)] = find(a); }

  // Numbered in the order of their first members.
  Classes classes() {
    Classes result;
    result.of.resize(parent_.size());
    std::vector<std::int32_t> number(parent_.size(), -1);
    for (std::size_t v = 0; v < parent_.size(); ++v) {
      std::int32_t& n = number[find(v)];
      if (n < 0) n = result.count++;
      result.of[make_id<VertexId>(v)] = n;
    }
    return result;
  }

 private:
  std::vector<std::size_t> parent_;
};

// Visits vertices by their attachment to those visited; an edge scanned when its far end is attached by q in all
// joins ends of connectivity at least q.
Classes scan_certified(const WeightedGraph& graph, Weight bound) {
  const auto vertices = static_cast<std::size_t>(graph.vertices());
  UnionFind groups(vertices);
  IdVector<VertexId, Weight> attached(vertices, 0);
  IdVector<VertexId, char> visited(vertices, 0);
  std::priority_queue<std::pair<Weight, VertexId>> queue;
  for (const VertexId start : ids<VertexId>(vertices)) {
    if (visited[start] == 0) queue.emplace(0, start);
    while (!queue.empty()) {
      const VertexId v = queue.top().second;
      queue.pop();
      if (std::exchange(visited[v], 1) != 0) continue;
      for (std::size_t i = 0; i < graph.neighbours_of(v).size(); ++i) {
        const VertexId u = graph.neighbours_of(v)[i];
        if (visited[u] != 0) continue;
        attached[u] += graph.edge_weights_of(v)[i];
        if (attached[u] >= bound) groups.unite(index(v), index(u));
        queue.emplace(attached[u], u);
      }
    }
  }
  return groups.classes();
}

// Gusfield's tree, but where the flow reaches the bound the two ends count as one vertex from then on: cuts below
// the bound are the same with and without that contraction.
Classes flow_certified(const WeightedGraph& graph, Weight bound) {
  const auto vertices = static_cast<std::size_t>(graph.vertices());
  UnionFind groups(vertices);
  std::vector<std::size_t> parent(vertices, 0);
  MaxFlow flow(graph);
  for (std::size_t s = 1; s < vertices; ++s) {
    const std::size_t t = parent[s];
    if (flow.run(make_id<VertexId>(s), make_id<VertexId>(t), bound) >= bound) {
      groups.unite(s, t);
      continue;
    }
    for (std::size_t v = s + 1; v < vertices; ++v)
      if (parent[v] == t && flow.on_source_side(make_id<VertexId>(v))) parent[v] = s;
  }
  return groups.classes();
}

}  // namespace

WeightedGraph contracted(const WeightedGraph& graph, const Classes& classes) {
  const auto constraints = static_cast<std::size_t>(graph.constraints);
  VertexWeights weights{.constraints = graph.constraints,
                        .weights = std::vector<Weight>(static_cast<std::size_t>(classes.count) * constraints, 0)};
  std::vector<WeightedEdge> edges;
  for (const VertexId v : ids<VertexId>(classes.of.size())) {
    for (std::size_t c = 0; c < constraints; ++c)
      weights.weights[static_cast<std::size_t>(classes.of[v]) * constraints + c] += graph.weights_of(v)[c];
    for (std::size_t i = 0; i < graph.neighbours_of(v).size(); ++i) {
      const VertexId u = graph.neighbours_of(v)[i];
      if (v < u && classes.of[v] != classes.of[u])
        edges.push_back({.from = make_id<VertexId>(classes.of[v]),
                         .to = make_id<VertexId>(classes.of[u]),
                         .weight = graph.edge_weights_of(v)[i]});
    }
  }
  return build_graph(std::move(weights), edges);
}

Classes composed(const Classes& inner, const Classes& outer) {
  Classes result{.count = outer.count, .of = inner.of};
  for (std::int32_t& c : result.of) c = outer.of[make_id<VertexId>(c)];
  return result;
}

Classes inseparable_classes(const WeightedGraph& graph, Weight bound, std::int32_t most_flow_vertices) {
  Classes classes = UnionFind(static_cast<std::size_t>(graph.vertices())).classes();
  WeightedGraph reduced = graph;
  while (true) {
    const Classes more = scan_certified(reduced, bound);
    if (more.count == classes.count) break;
    classes = composed(classes, more);
    reduced = contracted(graph, classes);
  }
  if (classes.count > most_flow_vertices) return classes;
  // Contracted once more even if nothing merged: flows want sorted rows.
  return composed(classes, flow_certified(contracted(graph, classes), bound));
}

}  // namespace mp::partition
