// Small max-load problems, and what trying all placements finds.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>

#include "partition/max_load/load_problem.hpp"

namespace mp::partition {

// With two accelerators and a CPU, weightless units, tensors both ways, and memory that may bind.
LoadProblem random_problem(std::uint64_t seed, std::size_t units, bool tight_memory);

// Whether some order of the devices is a pipeline: the graph of devices has no cycle.
bool is_pipeline(const LoadProblem& problem, const LoadPlacement& placement);

struct Optima {
  double pipeline = std::numeric_limits<double>::infinity();
  double free = std::numeric_limits<double>::infinity();
};

Optima brute_force(const LoadProblem& problem);

}  // namespace mp::partition
