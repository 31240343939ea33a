// METIS as one of the partitioners: the only place that knows its header.
#pragma once

#include <cstdint>

#include "partition/graph/weighted_graph.hpp"

namespace mp::partition {

enum class MetisMethod { kKway, kRecursive };

struct MetisOptions {
  MetisMethod method = MetisMethod::kKway;
  std::uint64_t seed = 0;
  std::int32_t cuts = 1;         // partitions METIS computes, the best of which it returns
  std::int32_t iterations = 10;  // refinement iterations on each level
};

// Whether METIS can count the edges of the graph.
[[nodiscard]] bool metis_accepts(const WeightedGraph& graph);

// METIS's partition into limits.blocks blocks of the sizes that `limits` ask for. Guarantees: a block for every
// vertex; the same for the same seed; whatever the graph, no message, exit or crash. Not guaranteed: balance (METIS
// sees weights scaled to its own width, and misses limits on its own account, too) and non-empty blocks.
// With as many blocks as vertices or more there is nothing to cut: heavy vertices get the roomy blocks, one each.
// Calls from several threads wait for each other: METIS keeps its generator and signal handlers in globals.
// Throws InfeasibleError unless metis_accepts(graph).
[[nodiscard]] Assignment metis_partition(const WeightedGraph& graph, const BalanceLimits& limits,
                                         const MetisOptions& options);

}  // namespace mp::partition
