// The built-in multilevel partitioner: k-way, any number of balance constraints, unequal blocks, fixed vertices.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string_view>

#include "partition/deadline.hpp"
#include "partition/effort.hpp"
#include "partition/graph/weighted_graph.hpp"

namespace mp::partition {

// What the partitioner is doing, for a progress line.
struct MultilevelProgress {
  std::string_view phase;     // "coarsening", "initial partition", "refinement", "search"
  std::int32_t vertices = 0;  // of the graph being worked on
  Weight cut = 0;             // of the best partition of that graph so far; 0 before the first
};

struct MultilevelOptions {
  Effort effort = Effort::kDefault;  // see presets.cpp for what each does
  std::uint64_t seed = 0;
  std::int32_t threads = 1;          // change the time, never the result
  std::span<const BlockId> fixed{};  // empty, or for every vertex its block or kNone
  // No new step of the search begins after it. Only Effort::kBest searches long enough to need one.
  Deadline deadline{};
  std::function<void(const MultilevelProgress&)> progress{};  // may be empty; with several threads called by any
};

struct MultilevelResult {
  Assignment assignment{};
  Weight cut = 0;
  Weight overload = 0;        // 0: all limits are kept; else the weight above them
  std::int32_t searched = 0;  // partitions of the whole graph made on the way
};

// A partition of `graph` into limits.blocks ≥ 1 blocks with a small cut, within `limits` unless the search found no
// way; every block gets a vertex where there are enough and the limits allow it. The same result for the same graph,
// limits, fixed vertices, effort and seed, whatever the threads, unless the deadline strikes.
[[nodiscard]] MultilevelResult multilevel(const WeightedGraph& graph, const BalanceLimits& limits,
                                          const MultilevelOptions& options);

// The same search starting from `assignment`, which must agree with `fixed`: never worse than it, in overload first,
// then in cut (an empty block is filled all the same where that costs no overload).
[[nodiscard]] MultilevelResult improve(const WeightedGraph& graph, const BalanceLimits& limits,
                                       const Assignment& assignment, const MultilevelOptions& options);

}  // namespace mp::partition
