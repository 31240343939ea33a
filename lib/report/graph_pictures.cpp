#include "lib/report/graph_pictures.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <map>
#include <utility>

#include "lib/base/quantities.hpp"
#include "lib/report/graph_layout.hpp"
#include "lib/report/svg.hpp"

namespace mp {
namespace {

constexpr Box kBox = {.width = 156.0, .height = 26.0};

// Long names keep their end, where block and layer differ from the neighbours'.
std::string shortened(const std::string& label) {
  constexpr std::size_t kMost = 24;
  if (label.size() <= kMost) return label;
  std::size_t from = label.size() - kMost + 1;
  while (from < label.size() && (static_cast<unsigned char>(label[from]) & 0xC0U) == 0x80U) ++from;
  return "…" + label.substr(from);
}

std::string curve(const std::vector<Point>& route) {
  std::string path = fmt::format("M{:.1f},{:.1f}", route.front().x, route.front().y + kBox.height / 2.0);
  for (std::size_t i = 1; i < route.size(); ++i) {
    const bool last = i + 1 == route.size();
    const Point from = {route[i - 1].x, route[i - 1].y + (i == 1 ? kBox.height / 2.0 : 0.0)};
    const Point to = {route[i].x, route[i].y - (last ? kBox.height / 2.0 : 0.0)};
    const double middle = (from.y + to.y) / 2.0;
    path += fmt::format(" C{0:.1f},{1:.1f} {2:.1f},{1:.1f} {2:.1f},{3:.1f}", from.x, middle, to.x, to.y);
  }
  return path;
}

// 1 … 5, by the logarithm of the share of the most bytes any edge carries.
int width_class(std::int64_t bytes, std::int64_t most) {
  if (bytes <= 0 || most <= 0) return 1;
  const double share = std::log2(static_cast<double>(most) / static_cast<double>(bytes));
  return std::clamp(5 - static_cast<int>(share), 1, 5);
}

std::string edge_title(const GraphView& view, const ViewEdge& edge) {
  return fmt::format("{} → {}: {} a step{}", view.nodes[static_cast<std::size_t>(edge.from)].label,
                     view.nodes[static_cast<std::size_t>(edge.to)].label, bytes_text(edge.bytes_per_step),
                     edge.is_cut ? ", cut" : "");
}

std::string quoted_for_dot(std::string_view text) {
  std::string result = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') result += '\\';
    if (static_cast<unsigned char>(c) >= 0x20U) result += c;
  }
  return result + '"';
}

}  // namespace

std::string graph_svg(const GraphView& view, const Cluster& cluster) {
  std::vector<std::pair<std::int32_t, std::int32_t>> edges;
  std::int64_t most = 0;
  for (const ViewEdge& edge : view.edges) {
    edges.emplace_back(edge.from, edge.to);
    most = std::max(most, edge.bytes_per_step);
  }
  const GraphLayout layout = layered_layout(view.nodes.size(), edges, {});
  SvgWriter svg(layout.width, layout.height, "The model's graph, coloured by device");
  for (std::size_t e = 0; e < view.edges.size(); ++e) {
    const ViewEdge& edge = view.edges[e];
    svg.path(curve(layout.routes[e]),
             fmt::format("edge{} w{}", edge.is_cut ? " cut" : "", width_class(edge.bytes_per_step, most)),
             edge_title(view, edge));
  }
  for (std::size_t n = 0; n < view.nodes.size(); ++n) {
    const ViewNode& node = view.nodes[n];
    const Point at = layout.nodes[n];
    svg.rect({at.x - kBox.width / 2.0, at.y - kBox.height / 2.0, kBox.width, kBox.height},
             device_color(index(node.device)),
             fmt::format("{}\ndevice {}", node.detail, cluster.devices[node.device].name), "node");
    svg.text(at.x, at.y + 4.0, "middle", shortened(node.label), "label");
  }
  return std::move(svg).take();
}

std::string graph_dot(const GraphView& view, const Cluster& cluster, std::string_view name) {
  std::map<DeviceId, std::vector<std::size_t>> on_device;
  for (std::size_t n = 0; n < view.nodes.size(); ++n) on_device[view.nodes[n].device].push_back(n);
  std::string text =
      fmt::format("digraph {} {{\n  node [shape=box, style=filled, fontname=\"sans-serif\"];\n", quoted_for_dot(name));
  for (const auto& [device, nodes] : on_device) {
    fmt::format_to(std::back_inserter(text), "  subgraph cluster_{} {{\n    label={};\n", index(device),
                   quoted_for_dot("device " + cluster.devices[device].name));
    for (const std::size_t n : nodes) {
      const double hue = device_hue(index(device)) / 360.0;  // Graphviz takes hue, saturation and value from 0 to 1
      fmt::format_to(std::back_inserter(text), "    n{} [label={}, fillcolor=\"{:.3f} 0.35 0.95\"];\n", n,
                     quoted_for_dot(view.nodes[n].label), hue);
    }
    text += "  }\n";
  }
  for (const ViewEdge& edge : view.edges) {
    fmt::format_to(std::back_inserter(text), "  n{} -> n{} [label={}{}];\n", edge.from, edge.to,
                   quoted_for_dot(bytes_text(edge.bytes_per_step)), edge.is_cut ? ", color=red, penwidth=2" : "");
  }
  return text + "}\n";
}

}  // namespace mp
