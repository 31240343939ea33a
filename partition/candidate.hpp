// A partition that an algorithm found, and what it is worth.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "partition/graph/weighted_graph.hpp"

namespace mp::partition {

// What an algorithm answers.
struct Solution {
  Assignment assignment{};
  std::optional<Weight> lower_bound{};  // where proved
};

// One algorithm's partition and what it is worth. All figures are recounted from the assignment.
struct Candidate {
  std::string algorithm;
  Assignment assignment{};
  Weight cut = 0;
  double violation = 0.0;           // see violation_of
  std::vector<double> imbalance{};  // per constraint, see imbalance_of
  std::int32_t empty_blocks = 0;    // see empty_blocks_of
  bool feasible = false;
  double seconds = 0.0;
  std::optional<Weight> lower_bound{};  // proved: no feasible partition with non-empty blocks cuts less
  bool optimal = false;                 // proved
};

// Less is better: violation, empty blocks, cut, greatest imbalance, name.
[[nodiscard]] bool better(const Candidate& a, const Candidate& b);
// The best candidate; `candidates` must not be empty.
[[nodiscard]] const Candidate& best_of(std::span<const Candidate> candidates);

// All figures of a solution, recounted. Throws std::logic_error if it is no partition or beats its own bound.
[[nodiscard]] Candidate make_candidate(const WeightedGraph& graph, const BalanceLimits& limits,
                                       std::string_view algorithm, Solution solution, double seconds);

}  // namespace mp::partition
