// A model over the devices of a cluster at the least cut: the planner's first objective.
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "lib/cluster/cluster.hpp"
#include "lib/training/flows.hpp"
#include "lib/training/training_graph.hpp"
#include "partition/model/device_limits.hpp"
#include "partition/model/model_objective.hpp"
#include "partition/portfolio.hpp"

namespace mp::partition {

// The balance asked for when the user asks for none; it is widened step by step where nothing better is found. Memory
// that is not limited need not be spread as evenly as work: twice the average costs nothing.
inline constexpr double kDefaultImbalance = 0.03;
inline constexpr double kDefaultMemoryImbalance = 0.25;

struct ModelPartitionOptions {
  PortfolioOptions portfolio{};  // `fixed` is set from the model's pinned nodes
  ModelObjective objective = ModelObjective::kCut;
  bool acyclic = false;                      // the forward pass flows one way between the devices; for kCut alone
  std::optional<double> imbalance{};         // of compute; absent: kDefaultImbalance, widened as needed
  std::optional<double> memory_imbalance{};  // where devices have no stated memory; absent: likewise
};

struct PlacementCandidate {
  Candidate found;
  Weight value = 0;     // of the objective
  Placement placement;  // of the forward nodes
  Traffic traffic;
};

struct ModelPartition {
  std::vector<PlacementCandidate> candidates;
  std::size_t chosen = 0;      // among the candidates
  AllowedImbalance imbalance;  // the balance that was asked of them in the end
};

// Devices alike are numbered along the model, so that the first layers lie on the first device. Throws
// InfeasibleError where no algorithm keeps the balance (or the memory) that was asked for, with the best found;
// UsageError for an acyclic placement at the least volume or mapping.
[[nodiscard]] ModelPartition partition_model(const TrainingGraph& training, const PlacementUnits& units,
                                             const Cluster& cluster, const ModelPartitionOptions& options);

}  // namespace mp::partition
