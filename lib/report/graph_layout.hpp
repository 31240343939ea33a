// Places for the boxes of a graph: layers from top to bottom, few crossings.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

namespace mp {

struct LayoutOptions {
  double node_width = 170.0;  // distance between the middles of neighbours in a layer
  double lane_width = 26.0;   // the same for an edge that passes through
  double layer_height = 46.0;
  int sweeps = 8;                        // of the ordering
  std::size_t max_lane_points = 20'000;  // more: long edges are drawn straight through
};

struct Point {
  double x = 0.0;
  double y = 0.0;
  friend bool operator==(const Point&, const Point&) = default;
};

struct GraphLayout {
  std::vector<Point> nodes = {};                // the middles
  std::vector<std::vector<Point>> routes = {};  // of each edge, from its upper to its lower end
  double width = 0.0;
  double height = 0.0;
};

// `edges` are (from, to) with from < to < nodes. Layered drawing: Sugiyama, Tagawa, Toda, IEEE Trans. SMC 11(2), 1981:
// longest-path layers, long edges split by a point per layer, order by barycentres; then each point moves towards the
// mean of its neighbours as far as its layer lets it. Guarantees: an edge leads downwards; boxes of a layer keep their
// distance. O(sweeps · (points + edges) log).
[[nodiscard]] GraphLayout layered_layout(std::size_t nodes,
                                         const std::vector<std::pair<std::int32_t, std::int32_t>>& edges,
                                         const LayoutOptions& options);

}  // namespace mp
