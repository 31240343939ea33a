// What exact solvers are given and what they prove.
#pragma once

#include <cstdint>
#include <span>

#include "partition/deadline.hpp"
#include "partition/graph/weighted_graph.hpp"

namespace mp::partition {

struct ExactOptions {
  std::span<const BlockId> fixed{};
  std::int64_t steps = 20'000'000;   // of the search in all; what bounds its time on every machine alike
  std::int64_t bytes = 512'000'000;  // of its tables
  Deadline deadline{};
};

// Of a search for the best assignment of cut below a bound.
struct BelowBound {
  bool finished = false;                   // false: a limit was reached, nothing is known but what was found
  std::optional<Assignment> assignment{};  // the best one found; if finished, the best there is
  Weight cut = 0;
  std::int64_t steps = 0;
};

struct ExactResult {
  Assignment assignment;    // the best known
  Weight lower_bound = 0;   // proved: no partition (of the kind searched) within the limits, with no block empty where
                            // there are enough vertices, cuts less
  bool optimal = false;     // the assignment keeps the limits and its cut is the lower bound
  bool impossible = false;  // proved: no such partition exists
  std::int64_t steps = 0;
};

}  // namespace mp::partition
