// Simulated annealing: for graphs of some hundred vertices with heavy, uneven weights, as models are, where a million
// random moves cost less than a blink and no single move is an improvement.
#pragma once

#include <cstdint>
#include <span>

#include "partition/deadline.hpp"
#include "partition/graph/weighted_graph.hpp"

namespace mp::partition {

struct AnnealingOptions {
  std::uint64_t seed = 0;
  std::span<const BlockId> fixed{};  // empty, or for every vertex its block or kNone; the start must agree with it
  std::int64_t moves = 500'000;      // tried
  Deadline deadline{};               // looked at some hundred times
};

struct AnnealingResult {
  Assignment assignment{};
  Weight cut_before = 0;
  Weight cut_after = 0;
  std::int64_t moves_made = 0;
};

// Walks from `start` by moves of single vertices into blocks of neighbours, mostly; takes a worse one with the
// probability of Metropolis under a falling temperature. Balance is part of the energy, at a price that rises while
// the walk is out of balance and falls while it is in it. The best partition met is returned: its (violation, empty
// blocks, cut) is never greater than the start's. The same seed gives the same result.
[[nodiscard]] AnnealingResult anneal(const WeightedGraph& graph, const BalanceLimits& limits, Assignment start,
                                     const AnnealingOptions& options);

}  // namespace mp::partition
