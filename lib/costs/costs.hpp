// Seconds and bytes of nodes on device types: the roofline model (Williams, Waterman, Patterson, CACM 2009).
#pragma once

#include <cstdint>

#include "lib/cluster/cluster.hpp"
#include "lib/graph/graph.hpp"
#include "lib/training/flows.hpp"
#include "lib/training/training_graph.hpp"

namespace mp {

// launch overhead + max(FLOPs / peak of the node's element type, bytes moved / memory bandwidth), each peak times its
// efficiency at that size; where the type carries measured times, those of the node's signature, if there. A node's own
// measured cost wins (forward_s for a forward node; backward_s for the opaque backward node made from it).
// A measured node that cannot run on the type has its general forward_s here: see can_run(). Views take no time.
// `active`: devices of the host that compute at once, this one among them (measured times know how they slow each other
// down).
[[nodiscard]] double node_seconds(const Graph& graph, NodeId node, const DeviceType& type, std::int32_t active = 1);

// Seconds of moves of a tensor within a device: feeding writes once, a copy reads and writes, an accumulation reads two
// operands and writes one; or as measured.
[[nodiscard]] double feed_seconds(const Graph& graph, TensorId input, const DeviceType& type, std::int32_t active = 1);
[[nodiscard]] double copy_seconds(const Graph& graph, TensorId tensor, const DeviceType& type, std::int32_t active = 1);
[[nodiscard]] double accumulate_seconds(const Graph& graph, TensorId tensor, const DeviceType& type,
                                        std::int32_t active = 1);

// False where the node's measured costs say that it cannot run on such a device.
[[nodiscard]] bool can_run(const Graph& graph, NodeId node, const DeviceType& type);

// What a placement unit weighs per step.
struct UnitCost {
  double compute_s = 0.0;  // all its nodes, forward and backward × microbatches + update once
  double flops = 0.0;
  std::int64_t parameter_bytes = 0;   // parameters and model state that live with it
  std::int64_t state_bytes = 0;       // optimizer state and gradient accumulators
  std::int64_t activation_bytes = 0;  // outputs of its forward nodes that backward still reads, one microbatch
  [[nodiscard]] std::int64_t memory_bytes() const { return parameter_bytes + state_bytes + activation_bytes; }
  friend bool operator==(const UnitCost&, const UnitCost&) = default;
};

[[nodiscard]] IdVector<UnitId, UnitCost> unit_costs(const TrainingGraph& training, const PlacementUnits& units,
                                                    const DeviceType& type);

}  // namespace mp
