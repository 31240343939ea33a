// What must share a device, and which bytes cross when things do not: the placement problem of a training graph.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "lib/base/ids.hpp"
#include "lib/training/training_graph.hpp"

namespace mp {

// A placement unit: forward nodes that must share a device (colocation groups), with their backward and update nodes.
enum class UnitId : std::int32_t {};

// One tensor that some other unit reads. Data inputs are none: every device is fed what it reads.
struct Flow {
  TensorId tensor = kNone<TensorId>;
  UnitId from = kNone<UnitId>;
  std::vector<UnitId> readers;      // each once, without `from`, ascending
  std::int64_t bytes_per_step = 0;  // to one reader: size × microbatches (parameters: once a step)
};

struct PlacementUnits {
  IdVector<NodeId, UnitId> unit_of;             // every node of the training graph
  IdVector<UnitId, std::vector<NodeId>> nodes;  // forward nodes of the unit, ascending
  IdVector<UnitId, std::optional<DeviceId>> pinned;
  std::vector<Flow> flows;
};

// Throws InputError where one group is pinned to two devices.
[[nodiscard]] PlacementUnits placement_units(const TrainingGraph& training);

// Device of every forward node.
using Placement = IdVector<NodeId, DeviceId>;

// The first two objectives of every plan, exactly as the design defines them (section 5), in bytes per step.
struct Traffic {
  std::int64_t cut = 0;                   // Σ over unit pairs on different devices of the bytes between them
  std::int64_t communication_volume = 0;  // each tensor once per other device that reads it
  friend bool operator==(const Traffic&, const Traffic&) = default;
};
[[nodiscard]] Traffic traffic(const PlacementUnits& units, const Placement& placement);

}  // namespace mp
