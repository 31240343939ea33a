// Units that had better stay together, merged: a smaller problem whose placements are placements of the whole.
#pragma once

#include <cstdint>

#include "partition/max_load/reduce.hpp"

namespace mp::partition {

struct CoarsenOptions {
  std::uint64_t seed = 1;
  double share = 0.1;  // most compute of a group: of what each device would have of all; a single unit may have more
};

// Heavy-connectivity clustering (Karypis, Aggarwal, Kumar, Shekhar: Multilevel hypergraph partitioning, 1999; a net
// counts its transfer over its size less one): in random order each unit joins the group that it shares most transfers
// with, pass after pass until nothing fits. Units that are fixed, and those that can run on other classes, stay apart.
[[nodiscard]] Reduction coarsen(const LoadProblem& problem, const CoarsenOptions& options);

}  // namespace mp::partition
