// Whether any placement loads every device with less than a limit: by looking at all that could.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "partition/max_load/load_problem.hpp"

namespace mp::partition {

struct PlacementSearchEffort {
  std::int64_t steps = 0;  // units placed, all tries together
  std::function<bool()> stop = [] { return false; };
};

// Depth first: units in an order in which those that share tensors come near each other, on one device after another,
// alike devices that are empty yet once. Given up: a branch in which what is placed loads a device with `limit` or
// more, or what is left (compute, and what each unit must send as `sends_s` has it) is more than the devices have left
// at the exchange rates of WorkBound. True: proved that there is none. False: one was found, or the effort was used up.
[[nodiscard]] bool no_placement_below(const LoadProblem& problem, double limit, const std::vector<double>& sends_s,
                                      const PlacementSearchEffort& effort);

}  // namespace mp::partition
