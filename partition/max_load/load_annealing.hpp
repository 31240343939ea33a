// Simulated annealing of the largest load over placements without any shape.
#pragma once

#include <cstdint>
#include <functional>

#include "partition/max_load/load_problem.hpp"

namespace mp::partition {

struct LoadAnnealingOptions {
  std::uint64_t seed = 1;
  std::int64_t steps = 1'000'000;
  double first_temperature = 0.05;  // of the energy, which is about the largest load
  double last_temperature = 1e-4;
  std::function<double()> done = [] { return 0.0; };  // share that is over by the clock: cools as that share of steps
  double enough_s = 0.0;                              // ends at a placement whose largest load is no larger
  std::function<bool()> stop = [] { return false; };
};

struct LoadAnnealingResult {
  LoadPlacement placement;  // the best one met, `start` included
  double seconds = 0.0;     // its largest load
};

// Kirkpatrick, Gelatt, Vecchi 1983, with single moves, swaps, moves of a few units that tensors join, and trades of two
// such groups with about the same work. The energy is the 16-norm of the loads instead of the largest: it tells apart
// placements whose busiest devices are equally busy.
// `start` keeps memory and every other limit, and so does the result.
[[nodiscard]] LoadAnnealingResult anneal_load(const LoadProblem& problem, const LoadPlacement& start,
                                              const LoadAnnealingOptions& options);

}  // namespace mp::partition
