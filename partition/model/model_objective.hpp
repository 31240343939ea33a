// What the placement of a model is to be good at, and the views of the model that the objectives need.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "lib/cluster/cluster.hpp"
#include "lib/training/flows.hpp"
#include "partition/acyclic/task_dag.hpp"
#include "partition/mapping/objective.hpp"

namespace mp::partition {

// kCut and kVolume as the plan reports them (design, section 5). kMapping: Σ cut bytes × the distance of the two
// devices.
enum class ModelObjective : std::uint8_t { kCut, kVolume, kMapping };
[[nodiscard]] std::string_view name_of(ModelObjective objective);  // "cut", "volume", "mapping"
[[nodiscard]] std::optional<ModelObjective> find_objective(std::string_view name);

// The tensors that travel, with the bytes of a step.
[[nodiscard]] TensorHyperedges hyperedges_of(const PlacementUnits& units);

// How many times longer a byte takes between two devices than over the fastest link of the cluster, rounded; where the
// directions differ, the slower. Latency does not count: it is paid per message, not per byte.
[[nodiscard]] Distances distances_of(const Cluster& cluster);

// Which unit must come before which in the forward pass. Throws InputError (place: a node of the cycle) where
// colocation groups make units that need each other's results.
[[nodiscard]] TaskDag forward_dag(const TrainingGraph& training, const PlacementUnits& units, WeightedGraph graph);

}  // namespace mp::partition
