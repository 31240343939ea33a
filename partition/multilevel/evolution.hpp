// Many multilevel runs that learn from each other.
#pragma once

#include <optional>

#include "partition/deadline.hpp"
#include "partition/multilevel/multilevel_run.hpp"

namespace mp::partition {

struct EvolutionOptions {
  int population = 1;     // partitions from scratch; 1: nothing to combine
  int generations = 0;    // at most, after the population stands
  int children = 1;       // per generation, computed side by side
  int give_up_after = 0;  // generations in a row without a better best; 0: never
  std::uint64_t seed = 0;
  int threads = 1;
  Deadline deadline{};  // nothing new begins after it
};

struct EvolutionResult {
  Individual best;
  std::int32_t searched = 0;  // individuals made
};

// The result depends on the seed and, where the deadline strikes, on how far it let the search come; never on the
// threads otherwise. `given` joins the population where there is one.
[[nodiscard]] EvolutionResult evolve(const Problem& problem, std::optional<Individual> given,
                                     const EvolutionOptions& options);

}  // namespace mp::partition
