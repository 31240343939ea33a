// Segments: nodes of one device and one pass that run as a block, such that segments never wait for each other in a
// circle, however the nodes are placed.
#pragma once

#include <cstdint>
#include <vector>

#include "lib/base/ids.hpp"
#include "lib/training/flows.hpp"
#include "lib/training/training_graph.hpp"

namespace mp {

// What a device does with a microbatch, in this order. kWeightGradient is there only where it is split off from the
// backward pass.
enum class Pass : std::uint8_t { kForward, kBackward, kWeightGradient };
inline constexpr std::size_t kPasses = 3;

struct Segment {
  DeviceId device = kNone<DeviceId>;
  Pass pass = Pass::kForward;
  // Device changes on the longest way to here, within the pass: 0 … p − 1 forward in a chain of p stages; there the
  // backward pass has 0 on the last stage. Weight gradients have the level of the backward nodes they follow.
  std::int32_t level = 0;
  std::vector<NodeId> nodes;             // in topological order
  std::vector<std::int32_t> successors;  // segments that read what this one makes, each once, ascending
  std::int32_t predecessors = 0;         // how many segments have this one as successor
  friend bool operator==(const Segment&, const Segment&) = default;
};

// Device of every node: that of the forward node it is placed with.
[[nodiscard]] IdVector<NodeId, DeviceId> devices_of_nodes(const TrainingGraph& training, const Placement& placement);

struct SegmentOptions {
  bool split_weight_gradients = false;  // weight_gradient_nodes() form a pass of their own
};

// Every forward and backward node is in exactly one segment; one segment per device, pass and level. Guarantee: the
// graph of segments is acyclic, since an edge inside a pass leads to a higher level (on the same level it would join
// nodes of one device, hence of one segment) and an edge between the passes leads to a later pass.
// Order: by pass, then by level, then by device.
[[nodiscard]] std::vector<Segment> make_segments(const TrainingGraph& training,
                                                 const IdVector<NodeId, DeviceId>& device_of,
                                                 const SegmentOptions& options = {});

}  // namespace mp
