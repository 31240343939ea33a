#include "lib/plan/check_plan.hpp"

#include <algorithm>
#include <cstddef>
#include <map>
#include <optional>
#include <vector>

#include <fmt/format.h>

#include "lib/base/text.hpp"
#include "lib/graph/issue_list.hpp"
#include "lib/plan/check_parallelism.hpp"
#include "lib/training/mixed_precision.hpp"

namespace mp {
namespace {

std::string place_of(const std::string& node) { return "/assignment/" + pointer_part(node); }

void place_nodes(const Plan& plan, const Graph& graph, Placement& placement, IssueList& issues) {
  const auto devices = static_cast<std::int64_t>(plan.cluster.devices.size());
  for (const auto& [name, device] : plan.assignment) {
    const std::optional<NodeId> node = graph.find_node(name);
    if (!plan.cluster.devices.contains(device)) {
      issues.add(place_of(name), [&, d = device] {
        return fmt::format("there is no device {}: the cluster has {}, numbered from 0", static_cast<int>(d), devices);
      });
    } else if (node) {
      placement[*node] = device;
    } else {
      issues.add(place_of(name), [&, &missing = name] {
        std::vector<std::string_view> names;
        for (const Node& known : graph.nodes()) names.push_back(known.name);
        return "the model has no node " + quoted(missing) + did_you_mean(missing, names);
      });
    }
  }
}

// A Cast of mixed precision is no node of the model's: it runs with the node that it serves.
void place_inserted_casts(const Graph& graph, Placement& placement) {
  std::map<std::string_view, DeviceId> group_device;
  for (const NodeId n : ids<NodeId>(graph.nodes().size())) {
    if (placement[n] != kNone<DeviceId>) group_device.try_emplace(graph.node(n).colocate, placement[n]);
  }
  for (const NodeId n : ids<NodeId>(graph.nodes().size())) {
    if (placement[n] != kNone<DeviceId> || !is_inserted_cast(graph.node(n))) continue;
    const auto found = group_device.find(graph.node(n).colocate);
    if (found != group_device.end()) placement[n] = found->second;
  }
}

void check_complete(const Graph& graph, const Placement& placement, IssueList& issues) {
  constexpr std::size_t kNamed = 5;
  std::vector<std::string> missing;
  for (const NodeId node : ids<NodeId>(graph.nodes().size())) {
    if (is_inserted_cast(graph.node(node))) continue;  // its node is missing, then
    if (placement[node] == kNone<DeviceId>) missing.push_back(quoted(graph.node(node).name));
  }
  if (missing.empty()) return;
  issues.add("/assignment", [&] {
    std::string text = missing.size() == 1 ? "a node of the model has no device: "
                                           : fmt::format("{} nodes of the model have no device: ", missing.size());
    for (std::size_t i = 0; i < std::min(missing.size(), kNamed); ++i) text += (i == 0 ? "" : ", ") + missing[i];
    return missing.size() > kNamed ? text + ", …" : text;
  });
}

void check_pins_and_groups(const Graph& graph, const Placement& placement, IssueList& issues) {
  std::map<std::string, NodeId, std::less<>> first_of_group;
  for (const NodeId id : ids<NodeId>(graph.nodes().size())) {
    const Node& node = graph.node(id);
    if (placement[id] == kNone<DeviceId>) continue;
    const auto device = static_cast<std::int64_t>(index(placement[id]));
    if (node.device && *node.device != device) {
      issues.add(place_of(node.name),
                 [&] { return fmt::format("is on device {}; the model pins it to device {}", device, *node.device); });
    }
    if (node.colocate.empty()) continue;
    const NodeId first = first_of_group.try_emplace(node.colocate, id).first->second;
    if (placement[first] == placement[id]) continue;
    issues.add(place_of(node.name), [&] {
      return fmt::format("is on device {}; {}, of the same colocation group {}, is on device {}", device,
                         quoted(graph.node(first).name), quoted(node.colocate), index(placement[first]));
    });
  }
}

}  // namespace

Placement check_plan(const Plan& plan, const Graph& graph, std::string_view source) {
  IssueList issues;
  Placement placement(graph.nodes().size(), kNone<DeviceId>);
  place_nodes(plan, graph, placement, issues);
  place_inserted_casts(graph, placement);
  check_complete(graph, placement, issues);
  check_pins_and_groups(graph, placement, issues);
  check_replicas(plan, issues);
  check_recompute(plan, graph, issues);
  check_stages(plan, graph, issues);
  std::move(issues).throw_if_any(std::string(source));
  return placement;
}

}  // namespace mp
