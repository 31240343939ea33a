// The portfolio for objectives other than the cut.
#pragma once

#include <optional>
#include <vector>

#include "partition/mapping/objective.hpp"
#include "partition/portfolio.hpp"

namespace mp::partition {

// A candidate refined for the objective asked for, and its value there. `cut` is still the cut.
struct ObjectiveCandidate {
  Candidate found;
  Weight value = 0;
};

// What run_portfolio() finds, each then refined for the communication volume of `tensors`.
[[nodiscard]] std::vector<ObjectiveCandidate> run_volume_portfolio(const WeightedGraph& graph,
                                                                   const BalanceLimits& limits,
                                                                   const TensorHyperedges& tensors,
                                                                   const PortfolioOptions& options);

// Likewise for the cut weighed by distances: blocks are first given to devices by map_blocks(). Where the devices form
// groups (hosts), a last candidate "hierarchical" is split over groups first. Throws InputError for bad distances.
[[nodiscard]] std::vector<ObjectiveCandidate> run_mapping_portfolio(const WeightedGraph& graph,
                                                                    const BalanceLimits& limits,
                                                                    const Distances& distances,
                                                                    const PortfolioOptions& options);

// Violation, empty blocks, value, cut, then as for candidates. `candidates` must not be empty.
[[nodiscard]] const ObjectiveCandidate& best_of(const std::vector<ObjectiveCandidate>& candidates);

}  // namespace mp::partition
