// The coarser and coarser graphs of one multilevel run.
#pragma once

#include <deque>

#include "partition/multilevel/clustering.hpp"

namespace mp::partition {

struct Level {
  WeightedGraph graph;                       // coarser than the level before
  IdVector<VertexId, ClusterId> cluster_of;  // vertex of the level before → vertex of `graph`
  std::vector<std::int32_t> fixed;           // block of each vertex of `graph` or −1; empty: all free
  std::vector<std::int32_t> labels;          // as in ClusteringOptions; empty or one per vertex of `graph`
};

struct CoarseningOptions {
  std::int32_t coarsest_vertices = 100;  // stop at or below
  std::vector<Weight> max_weights;       // of a coarse vertex, per constraint
  double max_shrink = 2.5;               // per level
  std::uint64_t seed = 0;
  std::int32_t threads = 1;  // change the time, never the result
};

// What contraction must respect: vertices with different labels or pins are never contracted.
struct CoarseningRules {
  std::vector<std::int32_t> fixed;   // block or −1; empty: all free
  std::vector<std::int32_t> labels;  // empty: none
};

// Levels from fine to coarse; a single one if `graph` is small enough or nothing can be contracted. `graph` must
// outlive the hierarchy.
class Hierarchy {
 public:
  Hierarchy(const WeightedGraph& graph, CoarseningRules rules, const CoarseningOptions& options);

  // Number of graphs, the given one among them; graph(0) is the given one.
  [[nodiscard]] std::size_t depth() const { return levels_.size() + 1; }
  [[nodiscard]] const WeightedGraph& graph(std::size_t depth) const {
    return depth == 0 ? *graph_ : levels_[depth - 1].graph;
  }
  [[nodiscard]] const WeightedGraph& coarsest() const { return graph(depth() - 1); }
  [[nodiscard]] std::span<const std::int32_t> fixed(std::size_t depth) const {
    return depth == 0 ? finest_.fixed : levels_[depth - 1].fixed;
  }
  // A partition of graph(depth) as a partition of graph(depth − 1).
  [[nodiscard]] Assignment project(std::size_t depth, const Assignment& coarse) const;
  // A partition of graph(0) that no contracted edge crosses, as a partition of graph(depth).
  [[nodiscard]] Assignment restrict_to(std::size_t depth, const Assignment& fine) const;

 private:
  [[nodiscard]] std::span<const std::int32_t> labels(std::size_t depth) const;

  const WeightedGraph* graph_;
  CoarseningRules finest_;
  std::deque<Level> levels_;
};

}  // namespace mp::partition
