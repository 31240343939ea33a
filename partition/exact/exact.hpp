// Small graphs solved to the optimum.
#pragma once

#include "partition/exact/exact_result.hpp"
#include "partition/graph/weighted_graph.hpp"

namespace mp::partition {

// Improves `known` (in balance or not) to the optimum among all partitions within the limits, by branch and bound on
// the graph in which all that cannot be parted below a bound on the cut is merged, for growing bounds. Meant for
// graphs that are tiny after that; on others the steps run out, and the last bound refuted is the lower bound.
[[nodiscard]] ExactResult exact_partition(const WeightedGraph& graph, const BalanceLimits& limits, Assignment known,
                                          const ExactOptions& options);

}  // namespace mp::partition
