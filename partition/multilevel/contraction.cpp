#include "partition/multilevel/contraction.hpp"

#include <numeric>

namespace mp::partition {
namespace {

// The vertices of all clusters, one cluster after the other.
struct Members {
  std::vector<std::int64_t> starts;  // clusters + 1
  std::vector<VertexId> vertices;
};

Members members_of(const Clustering& clustering) {
  Members members;
  members.starts.assign(static_cast<std::size_t>(clustering.clusters) + 2, 0);
  members.vertices.resize(clustering.cluster_of.size());
  for (const ClusterId c : clustering.cluster_of) ++members.starts[index(c) + 2];
  std::partial_sum(members.starts.begin(), members.starts.end(), members.starts.begin());
  for (const VertexId v : ids<VertexId>(clustering.cluster_of.size())) {
    members.vertices[static_cast<std::size_t>(members.starts[index(clustering.cluster_of[v]) + 1]++)] = v;
  }
  members.starts.pop_back();
  return members;
}

}  // namespace

WeightedGraph contract(const WeightedGraph& graph, const Clustering& clustering) {
  const Members members = members_of(clustering);
  const auto clusters = static_cast<std::size_t>(clustering.clusters);
  const auto constraints = static_cast<std::size_t>(graph.constraints);
  WeightedGraph coarse{.offsets = {0},
                       .neighbours = {},
                       .edge_weights = {},
                       .constraints = graph.constraints,
                       .vertex_weights = std::vector<Weight>(clusters * constraints, 0)};
  coarse.offsets.reserve(clusters + 1);
  coarse.neighbours.reserve(graph.neighbours.size());  // untouched pages cost nothing
  coarse.edge_weights.reserve(graph.neighbours.size());
  std::vector<std::int64_t> slot(clusters, -1);  // where the edge to a cluster stands in the current row
  for (std::size_t c = 0; c < clusters; ++c) {
    const std::int64_t row = coarse.offsets.back();
    for (std::int64_t m = members.starts[c]; m < members.starts[c + 1]; ++m) {
      const VertexId v = members.vertices[static_cast<std::size_t>(m)];
      for (std::size_t w = 0; w < constraints; ++w)
        coarse.vertex_weights[c * constraints + w] += graph.weights_of(v)[w];
      const std::span<const VertexId> neighbours = graph.neighbours_of(v);
      const std::span<const Weight> weights = graph.edge_weights_of(v);
      for (std::size_t i = 0; i < neighbours.size(); ++i) {
        const std::size_t to = index(clustering.cluster_of[neighbours[i]]);
        if (to == c) continue;
        if (slot[to] < row) {
          slot[to] = static_cast<std::int64_t>(coarse.neighbours.size());
          coarse.neighbours.push_back(make_id<VertexId>(to));
          coarse.edge_weights.push_back(weights[i]);
        } else {
          coarse.edge_weights[static_cast<std::size_t>(slot[to])] += weights[i];
        }
      }
    }
    coarse.offsets.push_back(static_cast<std::int64_t>(coarse.neighbours.size()));
  }
  return coarse;
}

}  // namespace mp::partition
