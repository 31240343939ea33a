// The least max-load of placements without any shape: a device may own several pieces of the pipeline.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <optional>

#include "partition/max_load/load_problem.hpp"

namespace mp::partition {

struct FreePlacementOptions {
  std::uint64_t seed = 1;
  std::int64_t steps = 60'000'000;       // of annealing, all rounds together
  std::optional<LoadPlacement> start{};  // a good placement, say the best pipeline
  double lower_bound_s = 0.0;            // known: no placement is better; the search ends where it meets it
  // Proves more, where the search has found a placement of `above_s` and is in need of a reason to go on: called after
  // each chain of rounds that made it better.
  std::function<double(double above_s)> bound = [](double) { return 0.0; };
  std::function<bool()> stop = [] { return false; };
  // Share of the time allowed that is over, where there is a limit: the last round cools down in what is left.
  std::function<double()> time_used = [] { return 0.0; };
  std::function<void(double seconds)> progress = [](double) {};  // after every round: the best so far
};

struct FreePlacementResult {
  std::optional<LoadPlacement> placement;  // none: none was found that keeps memory
  double seconds = std::numeric_limits<double>::infinity();
  double lower_bound_s = 0.0;  // the largest told
};

// Rounds of annealing, hot ones from the start and cold ones from the best so far, longer and longer. Deterministic for
// a seed unless time is limited.
[[nodiscard]] FreePlacementResult best_free_placement(const LoadProblem& problem, const FreePlacementOptions& options);

}  // namespace mp::partition
