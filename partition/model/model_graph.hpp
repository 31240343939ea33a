// The placement problem of a model as a weighted graph.
#pragma once

#include "lib/costs/costs.hpp"
#include "lib/training/flows.hpp"
#include "partition/graph/weighted_graph.hpp"

namespace mp::partition {

// Positions of the two balance constraints among a vertex's weights.
inline constexpr std::size_t kComputeConstraint = 0;
inline constexpr std::size_t kMemoryConstraint = 1;

// One vertex a placement unit, ids kept. Vertex weights: compute in picoseconds a step, memory in bytes. Edge weights:
// bytes a step between the two units in either direction, forward activations, backward gradients and shared
// parameters, each tensor once (design, section 5).
[[nodiscard]] WeightedGraph model_graph(const PlacementUnits& units, const IdVector<UnitId, UnitCost>& costs);

}  // namespace mp::partition
