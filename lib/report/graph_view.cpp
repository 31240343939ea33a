#include "lib/report/graph_view.hpp"

#include <fmt/core.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <set>
#include <tuple>
#include <utility>

#include "lib/base/quantities.hpp"

namespace mp {
namespace {

// Box of every forward node: each run of at most `run` neighbours on one device is one.
std::vector<std::int32_t> boxes_of_runs(const Program& program, std::int64_t run) {
  std::vector<std::int32_t> box;
  std::int32_t current = -1;
  std::int64_t length = 0;
  DeviceId device = kNone<DeviceId>;
  for (const NodeId n : ids<NodeId>(program.placement.size())) {
    if (current < 0 || program.placement[n] != device || length >= run) {
      ++current;
      length = 0;
      device = program.placement[n];
    }
    ++length;
    box.push_back(current);
  }
  return box;
}

std::vector<std::int32_t> boxes_of(const Program& program, std::size_t max_nodes) {
  const auto nodes = static_cast<std::int64_t>(program.placement.size());
  for (std::int64_t run = 1;; run *= 2) {
    std::vector<std::int32_t> box = boxes_of_runs(program, run);
    if (box.empty() || static_cast<std::size_t>(box.back()) < max_nodes || run >= nodes) return box;
  }
}

std::string describe_node(const Graph& graph, NodeId n) {
  const Node& node = graph.node(n);
  std::string text = fmt::format("{} ({})", node.name, node.op_name);
  for (const TensorId t : node.outputs) {
    if (t == kNone<TensorId>) continue;
    const TensorType& type = graph.tensor(t).type;
    text += fmt::format(" [{}] {}", fmt::join(type.shape, ", "), bytes_text(bytes(type)));
  }
  return text;
}

void add_nodes(const Program& program, const std::vector<std::int32_t>& box, GraphView& view) {
  for (const NodeId n : ids<NodeId>(program.placement.size())) {
    const auto position = static_cast<std::size_t>(box[index(n)]);
    if (position == view.nodes.size()) {
      view.nodes.push_back({.label = program.training.graph.node(n).name,
                            .detail = describe_node(program.training.graph, n),
                            .device = program.placement[n]});
      continue;
    }
    ViewNode& node = view.nodes[position];
    ++node.nodes;
    node.label = node.label.substr(0, node.label.find(" … ")) + " … " + program.training.graph.node(n).name;
    node.detail = fmt::format("{} nodes: {}", node.nodes, node.label);
  }
}

// Boxes may stand in a circle where a device has a run before and after another's: an edge is drawn from the earlier
// box to the later one, whichever way the bytes go.
void add_edges(const Program& program, const PlacementUnits& units, const std::vector<std::int32_t>& box,
               GraphView& view) {
  std::map<std::pair<std::int32_t, std::int32_t>, std::int64_t> bytes_between;
  const Graph& graph = program.training.graph;
  const auto box_of = [&](NodeId n) { return box[index(program.training.placed_with[n])]; };
  for (const NodeId n : ids<NodeId>(program.placement.size())) {
    for (const TensorId t : graph.node(n).inputs) {
      if (t == kNone<TensorId> || graph.tensor(t).producer == kNone<NodeId>) continue;
      const std::int32_t from = box_of(graph.tensor(t).producer);
      if (from != box_of(n)) bytes_between[std::minmax(from, box_of(n))] += 0;
    }
  }
  for (const Flow& flow : units.flows) {
    const Tensor& tensor = graph.tensor(flow.tensor);
    const NodeId maker = tensor.producer != kNone<NodeId> ? tensor.producer : program.training.home[flow.tensor];
    std::set<std::int32_t> readers;
    for (const NodeId reader : graph.consumers(flow.tensor)) readers.insert(box_of(reader));
    for (const std::int32_t reader : readers) {
      if (reader != box_of(maker)) bytes_between[std::minmax(reader, box_of(maker))] += flow.bytes_per_step;
    }
  }
  for (const auto& [ends, bytes] : bytes_between) {
    const bool is_cut = view.nodes[static_cast<std::size_t>(ends.first)].device !=
                        view.nodes[static_cast<std::size_t>(ends.second)].device;
    view.edges.push_back({ends.first, ends.second, bytes, is_cut});
  }
}

}  // namespace

GraphView view_of(const Program& program, const PlacementUnits& units, std::size_t max_nodes) {
  GraphView view;
  const std::vector<std::int32_t> box = boxes_of(program, max_nodes);
  add_nodes(program, box, view);
  add_edges(program, units, box, view);
  return view;
}

std::vector<CutEdge> cut_edges(const Program& program, const PlacementUnits& units) {
  const auto device_of = [&](UnitId unit) { return program.placement[units.nodes[unit].front()]; };
  std::vector<CutEdge> edges;
  for (const Flow& flow : units.flows) {
    std::set<DeviceId> readers;
    for (const UnitId reader : flow.readers) readers.insert(device_of(reader));
    readers.erase(device_of(flow.from));
    for (const DeviceId reader : readers) {
      edges.push_back(
          {program.training.graph.tensor(flow.tensor).name, device_of(flow.from), reader, flow.bytes_per_step});
    }
  }
  std::sort(edges.begin(), edges.end(), [](const CutEdge& a, const CutEdge& b) {
    return std::tie(b.bytes_per_step, a.tensor, a.to) < std::tie(a.bytes_per_step, b.tensor, b.to);
  });
  return edges;
}

}  // namespace mp
