// The forward graph of a placed model as people look at it: boxes in layers, edges with their bytes.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "lib/base/ids.hpp"
#include "lib/program/program.hpp"
#include "lib/training/flows.hpp"

namespace mp {

struct ViewNode {
  std::string label;  // the node's name, or "first … last" of several
  std::string detail;
  DeviceId device = kNone<DeviceId>;
  std::int64_t nodes = 1;  // forward nodes it stands for
  friend bool operator==(const ViewNode&, const ViewNode&) = default;
};

struct ViewEdge {
  std::int32_t from = 0;  // positions in GraphView::nodes; from < to
  std::int32_t to = 0;
  std::int64_t bytes_per_step = 0;  // of the activations and of the gradients that come back
  bool is_cut = false;              // its ends are on different devices
  friend bool operator==(const ViewEdge&, const ViewEdge&) = default;
};

// Nodes stand in topological order; edges by (from, to), each pair once.
struct GraphView {
  std::vector<ViewNode> nodes;
  std::vector<ViewEdge> edges;
};

// At most `max_nodes` boxes, or one a device where even that is more: runs of neighbours in topological order that
// share a device are joined, evenly. Bytes of joined edges are added up; edges inside a box are not shown.
[[nodiscard]] GraphView view_of(const Program& program, const PlacementUnits& units, std::size_t max_nodes);

// One tensor that crosses between devices.
struct CutEdge {
  std::string tensor;
  DeviceId from = kNone<DeviceId>;
  DeviceId to = kNone<DeviceId>;
  std::int64_t bytes_per_step = 0;
  friend bool operator==(const CutEdge&, const CutEdge&) = default;
};

// Every tensor and each other device that reads it, the most bytes first, then by name and device: their sum is the
// communication volume.
[[nodiscard]] std::vector<CutEdge> cut_edges(const Program& program, const PlacementUnits& units);

}  // namespace mp
