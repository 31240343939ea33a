// Contracts a clustering: clusters become vertices, edges between clusters are summed.
#pragma once

#include "partition/multilevel/clustering.hpp"

namespace mp::partition {

// The coarse graph keeps all invariants of WeightedGraph; coarse vertex i is cluster i. Every partition of it
// has the cut and the block weights of its projection. The result does not depend on `threads`.
[[nodiscard]] WeightedGraph contract(const WeightedGraph& graph, const Clustering& clustering, std::int32_t threads);

}  // namespace mp::partition
