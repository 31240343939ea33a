// Groups vertices into clusters that become the vertices of the next coarser graph.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "partition/graph/weighted_graph.hpp"

namespace mp::partition {

enum class ClusterId : std::int32_t {};

struct Clustering {
  IdVector<VertexId, ClusterId> cluster_of;  // 0 … clusters − 1
  std::int32_t clusters = 0;
};

struct ClusteringOptions {
  std::vector<Weight> max_weights;  // per constraint: no cluster of two or more vertices is heavier
  double max_shrink = 2.5;          // stop when vertices / clusters reaches this
  std::uint64_t seed = 0;
  std::int32_t threads = 1;  // change the time, never the result
  // Vertices with different pins or different labels never share a cluster; empty: none. The blocks of given
  // partitions come in as labels.
  std::span<const std::int32_t> fixed;
  std::span<const std::int32_t> labels;
};

[[nodiscard]] Clustering cluster(const WeightedGraph& graph, const ClusteringOptions& options);

}  // namespace mp::partition
