// Initial partitions into any number of blocks by repeated bisection.
#pragma once

#include "partition/multilevel/bisection.hpp"

namespace mp::partition {

// Splits `graph` under `limits`. fixed[v] is a block or −1 (empty: all free). May be infeasible where a
// bisection found no better; refinement repairs that.
[[nodiscard]] Assignment recursive_bisection(const WeightedGraph& graph, const BalanceLimits& limits,
                                             std::span<const std::int32_t> fixed, const BisectionOptions& options);

}  // namespace mp::partition
