// The built-in refiner, and partitions of its own from scratch.
#pragma once

#include <cstdint>
#include <span>

#include "partition/deadline.hpp"
#include "partition/graph/weighted_graph.hpp"

namespace mp::partition {

struct RefineOptions {
  std::uint64_t seed = 0;
  std::span<const BlockId> fixed{};  // empty, or for every vertex its block or kNone; assignments must agree with it
  std::int32_t rounds = 8;           // of localised searches at most; 0: whole passes only
  Deadline deadline{};               // no new pass begins after it
};

struct RefineResult {
  Assignment assignment{};
  Weight cut_before = 0;
  Weight cut_after = 0;
  double violation_before = 0.0;
  double violation_after = 0.0;
  std::int64_t moves_kept = 0;
  std::int32_t passes = 0;
};

// Repairs balance first, then lowers the cut by Fiduccia–Mattheyses moves and Kernighan–Lin swaps until neither
// finds anything. Guarantees: (violation, cut) is never greater than that of `assignment`, so a partition in balance
// comes back in balance with a cut no worse; no block is emptied; an empty block is filled where that is possible
// without a violation (then alone, as in repairing balance, the cut may grow); the same result for the same seed.
[[nodiscard]] RefineResult refine(const WeightedGraph& graph, const BalanceLimits& limits, Assignment assignment,
                                  const RefineOptions& options);

struct GrowOptions {
  std::uint64_t seed = 0;
  std::span<const BlockId> fixed{};
  std::int32_t restarts = 4;
  Deadline deadline{};  // no restart begins after it
};

// Blocks grown greedily from random vertices and refined, the best of several restarts.
[[nodiscard]] Assignment kernighan_lin_partition(const WeightedGraph& graph, const BalanceLimits& limits,
                                                 const GrowOptions& options);

}  // namespace mp::partition
