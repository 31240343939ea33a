// The placed graph as a picture, coloured by device.
#pragma once

#include <string>

#include "lib/cluster/cluster.hpp"
#include "lib/report/graph_view.hpp"

namespace mp {

// A drawing to look at: layers from top to bottom, cut edges in red and as wide as their bytes say.
[[nodiscard]] std::string graph_svg(const GraphView& view, const Cluster& cluster);

// For Graphviz (`dot -Tpdf`): one cluster of boxes per device.
[[nodiscard]] std::string graph_dot(const GraphView& view, const Cluster& cluster, std::string_view name);

}  // namespace mp
