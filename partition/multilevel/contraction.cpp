#include "partition/multilevel/contraction.hpp"

#include <algorithm>
#include <numeric>
#include <utility>

#include "partition/parallel_for.hpp"

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

// The rows of some clusters in a row.
struct Rows {
  std::vector<std::int64_t> ends;  // of each row, from the beginning of these rows
  std::vector<VertexId> neighbours;
  std::vector<Weight> edge_weights;
};

Rows rows_of(const WeightedGraph& graph, const Clustering& clustering, const Members& members, std::size_t first,
             std::size_t last) {
  Rows rows;
  rows.ends.reserve(last - first);
  if (first == 0 && last == static_cast<std::size_t>(clustering.clusters)) {
    rows.neighbours.reserve(graph.neighbours.size());  // untouched pages cost nothing
    rows.edge_weights.reserve(graph.neighbours.size());
  }
  std::vector<std::int64_t> slot(static_cast<std::size_t>(clustering.clusters), -1);  // of a cluster in this row
  for (std::size_t c = first; c < last; ++c) {
    const auto row = static_cast<std::int64_t>(rows.neighbours.size());
    for (std::int64_t m = members.starts[c]; m < members.starts[c + 1]; ++m) {
      const VertexId v = members.vertices[static_cast<std::size_t>(m)];
      const std::span<const VertexId> neighbours = graph.neighbours_of(v);
      const std::span<const Weight> weights = graph.edge_weights_of(v);
      for (std::size_t i = 0; i < neighbours.size(); ++i) {
        const std::size_t to = index(clustering.cluster_of[neighbours[i]]);
        if (to == c) continue;
        if (slot[to] < row) {
          slot[to] = static_cast<std::int64_t>(rows.neighbours.size());
          rows.neighbours.push_back(make_id<VertexId>(to));
          rows.edge_weights.push_back(weights[i]);
        } else {
          rows.edge_weights[static_cast<std::size_t>(slot[to])] += weights[i];
        }
      }
    }
    rows.ends.push_back(static_cast<std::int64_t>(rows.neighbours.size()));
  }
  return rows;
}

void append(WeightedGraph& graph, Rows rows) {
  const std::int64_t begin = graph.offsets.back();
  for (const std::int64_t end : rows.ends) graph.offsets.push_back(begin + end);
  if (begin == 0) {
    graph.neighbours = std::move(rows.neighbours);
    graph.edge_weights = std::move(rows.edge_weights);
    return;
  }
  graph.neighbours.insert(graph.neighbours.end(), rows.neighbours.begin(), rows.neighbours.end());
  graph.edge_weights.insert(graph.edge_weights.end(), rows.edge_weights.begin(), rows.edge_weights.end());
}

std::vector<Weight> cluster_weights(const WeightedGraph& graph, const Clustering& clustering) {
  const auto constraints = static_cast<std::size_t>(graph.constraints);
  std::vector<Weight> weights(static_cast<std::size_t>(clustering.clusters) * constraints, 0);
  for (const VertexId v : ids<VertexId>(clustering.cluster_of.size())) {
    Weight* sums = weights.data() + index(clustering.cluster_of[v]) * constraints;
    for (std::size_t c = 0; c < constraints; ++c) sums[c] += graph.weights_of(v)[c];
  }
  return weights;
}

}  // namespace

WeightedGraph contract(const WeightedGraph& graph, const Clustering& clustering, std::int32_t threads) {
  constexpr std::size_t kWorthAThread = 100'000;  // arcs
  const Members members = members_of(clustering);
  const auto clusters = static_cast<std::size_t>(clustering.clusters);
  const std::size_t parts = std::clamp<std::size_t>(graph.neighbours.size() / kWorthAThread, 1,
                                                    static_cast<std::size_t>(std::max(1, threads)));
  std::vector<Rows> rows(parts);
  parallel_for(threads, parts, [&](std::size_t, std::size_t i) {
    rows[i] = rows_of(graph, clustering, members, clusters * i / parts, clusters * (i + 1) / parts);
  });
  WeightedGraph coarse;
  coarse.constraints = graph.constraints;
  coarse.vertex_weights = cluster_weights(graph, clustering);
  coarse.offsets.reserve(clusters + 1);
  for (Rows& part : rows) append(coarse, std::exchange(part, {}));
  return coarse;
}

}  // namespace mp::partition
