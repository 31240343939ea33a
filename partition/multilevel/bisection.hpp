// Multilevel bisection with a portfolio of starts: the building block of initial partitions.
#pragma once

#include <cstdint>
#include <span>

#include "partition/multilevel/partition_state.hpp"
#include "partition/multilevel/two_way_fm.hpp"

namespace mp::partition {

struct BisectionOptions {
  int max_starts = 12;  // starts of the portfolio on the coarsest graph …
  int patience = 4;     // … ended earlier when this many in a row found nothing better
  std::uint64_t seed = 0;
};

struct Bisection {
  Assignment side;
  Quality quality;
};

// Splits `graph` into blocks 0 and 1 under `limits` (two blocks). fixed[v] is 0 or 1 where the side is given,
// −1 where it is free (empty: all free). The result may be infeasible where no start led to a feasible one.
[[nodiscard]] Bisection bisect(const WeightedGraph& graph, const BalanceLimits& limits,
                               std::span<const std::int32_t> fixed, const BisectionOptions& options,
                               TwoWayScratch& scratch);

}  // namespace mp::partition
