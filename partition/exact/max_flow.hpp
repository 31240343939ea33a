// Maximum flow between two vertices of an undirected graph.
#pragma once

#include <cstdint>
#include <vector>

#include "partition/graph/weighted_graph.hpp"

namespace mp::partition {

// Dinic's algorithm (E. A. Dinic, Soviet Math. Doklady 11, 1970), stopped as soon as a bound is reached.
class MaxFlow {
 public:
  // `graph` must outlive this.
  explicit MaxFlow(const WeightedGraph& graph);

  // The least weight of a cut between two vertices, or some value ≥ `enough` if it is at least that.
  Weight run(VertexId source, VertexId sink, Weight enough);
  // After a run that stayed below `enough`: whether v lies on the source's side of the least cut nearest to it.
  [[nodiscard]] bool on_source_side(VertexId v) const { return level_[v] >= 0; }

 private:
  bool find_levels(VertexId source, VertexId sink);
  Weight augment(VertexId source, VertexId sink);

  const WeightedGraph* graph_;
  std::vector<std::int64_t> reverse_;  // position of each entry's twin
  std::vector<Weight> residual_;       // beside the graph's neighbours
  IdVector<VertexId, std::int32_t> level_;
  IdVector<VertexId, std::int64_t> next_;  // first entry that may still lead on
  std::vector<VertexId> queue_;
  std::vector<std::int64_t> path_;  // entries from the source to where the walk stands
};

}  // namespace mp::partition
