#include "partition/import/dnn_partitioning.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

#include "lib/files/cluster_file.hpp"
#include "lib/files/json.hpp"
#include "lib/graph/topology.hpp"

namespace mp::partition {
namespace {

constexpr double kMaxMs = 1e12;
constexpr double kSecondsPerMs = 1e-3;
constexpr double kMaxMemoryBytes = 9007199254740992.0;  // 2⁵³; what is above is no limit
constexpr double kBandwidthBytesPerS = 2147483648.0;    // what the published operator graphs were made with: 2 GiB/s
constexpr double kMaxBytesTogether = 1099511627776.0;   // 2⁴⁰: sums of tensors stay far from the limits of a graph

struct WorkloadNode {
  std::int64_t id = 0;
  std::string label;
  std::optional<double> accelerator_ms;  // absent: it cannot run there
  double cpu_ms = 0.0;
  bool backward = false;
  std::optional<std::int64_t> color;
  std::int64_t bytes = 0;
};

struct WorkloadEdge {
  std::size_t from = 0;
  std::size_t to = 0;
  double cost_ms = 0.0;
};

struct Workload {
  std::int64_t accelerators = 0;
  std::int64_t cpus = 0;
  std::int64_t memory_bytes = 0;  // 0: no limit
  std::vector<WorkloadNode> nodes;
  std::vector<WorkloadEdge> edges;
};

// true, false, 1 or 0; absent: false.
bool read_flag(JsonValue value) {
  if (!value.present() || value.kind() == JsonKind::kBoolean) return value.boolean();
  if (value.is_number()) {
    const double number = value.number();
    if (number == 0.0 || number == 1.0) return number == 1.0;
  }
  value.issue("a flag is expected here: true, false, 1 or 0");
  return false;
}

double read_bounded(JsonValue value, double maximum, const char* unit) {
  const double number = value.number_at_least(0.0);
  if (number > maximum) value.issue(fmt::format("{} {} is too large: {} at most", number, unit, maximum));
  return std::clamp(number, 0.0, maximum);
}

WorkloadNode read_node(JsonValue value) {
  const JsonObject fields = value.open_object();
  WorkloadNode node;
  node.id = fields.require("id").integer();
  if (fields["name"].kind() == JsonKind::kString) node.label = fields["name"].string();
  const bool supported = read_flag(fields.require("supportedOnFpga"));
  if (supported) node.accelerator_ms = read_bounded(fields.require("fpgaLatency"), kMaxMs, "ms");
  node.cpu_ms = read_bounded(fields.require("cpuLatency"), kMaxMs, "ms");
  node.backward = read_flag(fields["isBackwardNode"]);
  const JsonValue color = fields["colorClass"];
  if (color.present() && color.kind() != JsonKind::kNull) node.color = color.integer();
  node.bytes = std::llround(read_bounded(fields["size"], static_cast<double>(kMaxTensorBytes), "bytes"));
  return node;
}

using NodesById = std::unordered_map<std::int64_t, std::size_t>;

std::size_t read_end(JsonValue value, const NodesById& nodes) {
  const std::int64_t id = value.integer();
  const auto found = nodes.find(id);
  if (found != nodes.end()) return found->second;
  if (value.kind() == JsonKind::kInteger) value.issue(fmt::format("no node has the id {}", id));
  return 0;
}

void read_edges(JsonValue value, const NodesById& nodes, Workload& workload) {
  for (const JsonValue item : value.items()) {
    const JsonObject fields = item.open_object();
    WorkloadEdge edge;
    edge.from = read_end(fields.require("sourceId"), nodes);
    edge.to = read_end(fields.require("destId"), nodes);
    edge.cost_ms = read_bounded(fields.require("cost"), kMaxMs, "ms");
    workload.edges.push_back(edge);
  }
}

void require_no_cycle(JsonDocument& document, const Workload& workload) {
  if (!document.good()) return;
  Predecessors predecessors(workload.nodes.size());
  for (const WorkloadEdge& edge : workload.edges) {
    predecessors[edge.to].push_back(static_cast<std::int32_t>(edge.from));
  }
  const std::vector<std::int32_t> order = topological_order(predecessors);
  if (order.size() == workload.nodes.size()) return;
  for (const std::vector<std::int32_t>& cycle : find_cycles(predecessors, order)) {
    const auto from = static_cast<std::size_t>(cycle.front());
    const auto to = static_cast<std::size_t>(cycle[1 % cycle.size()]);
    const auto edge = std::find_if(workload.edges.begin(), workload.edges.end(), [&](const WorkloadEdge& e) {
      return (e.from == from && e.to == to) || (e.from == to && e.to == from);
    });
    document.report({fmt::format("/edges/{}", edge - workload.edges.begin()),
                     fmt::format("this edge is on a cycle of {} node{}, from the node with id {}", cycle.size(),
                                 cycle.size() == 1 ? "" : "s", workload.nodes[from].id)});
  }
}

Workload read_workload(JsonDocument& document) {
  const JsonObject root = document.root().open_object();
  Workload workload;
  workload.accelerators = root.require("maxFPGAs").integer(0, kMaxDevices);
  workload.cpus = root.require("maxCPUs").integer(0, kMaxDevices);
  if (workload.accelerators + workload.cpus < 1 || workload.accelerators + workload.cpus > kMaxDevices) {
    root["maxFPGAs"].issue(fmt::format("maxFPGAs and maxCPUs together must lie between 1 and {}", kMaxDevices));
  }
  const JsonValue memory = root.require("maxSizePerFPGA");
  const double memory_bytes = memory.number_at_least(0.0);
  if (memory.is_number() && memory_bytes >= 0.0 && memory_bytes < 1.0) memory.issue("must be at least one byte");
  if (memory_bytes <= kMaxMemoryBytes) workload.memory_bytes = static_cast<std::int64_t>(std::max(0.0, memory_bytes));
  NodesById by_id;
  for (const JsonValue item : root.require("nodes").items()) {
    workload.nodes.push_back(read_node(item));
    const std::int64_t id = workload.nodes.back().id;
    if (!by_id.emplace(id, by_id.size()).second) item.issue(fmt::format("another node has the id {}", id));
  }
  if (workload.nodes.empty()) root["nodes"].issue("there are no nodes to place");
  read_edges(root.require("edges"), by_id, workload);
  require_no_cycle(document, workload);
  document.finish();
  return workload;
}

// The tensors that a node sends: one, or one for each different cost of its edges.
struct Outputs {
  std::vector<double> cost_ms;
  std::size_t position_of(double cost) {
    const auto same = [&](double other) { return std::abs(cost - other) <= 1e-9 * std::max(cost, other); };
    const auto found = std::find_if(cost_ms.begin(), cost_ms.end(), same);
    if (found != cost_ms.end()) return static_cast<std::size_t>(found - cost_ms.begin());
    cost_ms.push_back(cost);
    return cost_ms.size() - 1;
  }
};

std::string tensor_name(const WorkloadNode& node, std::size_t position) {
  return position == 0 ? std::to_string(node.id) : fmt::format("{}.{}", node.id, position);
}

// Bytes per second such that all tensors together stay of a size that graphs may have.
double link_bandwidth(const std::vector<Outputs>& outputs, const Workload& workload) {
  double sum_s = 0.0;
  for (const Outputs& of_node : outputs) {
    for (const double cost : of_node.cost_ms) sum_s += cost * kSecondsPerMs;
  }
  for (const WorkloadEdge& edge : workload.edges) sum_s += edge.cost_ms * kSecondsPerMs;
  return sum_s > 0.0 ? std::min(kBandwidthBytesPerS, kMaxBytesTogether * 1024.0 / sum_s) : kBandwidthBytesPerS;
}

ModelNode model_node(const WorkloadNode& node, const Outputs& outputs, double bandwidth) {
  ModelNode result;
  result.name = std::to_string(node.id);
  result.op = "Measured";
  if (!node.label.empty()) result.attributes.set("label", node.label);
  MeasuredCost cost;
  cost.forward_s = node.accelerator_ms.value_or(node.cpu_ms) * kSecondsPerMs;
  const double never = std::numeric_limits<double>::infinity();
  cost.forward_s_by_type["accelerator"] = node.accelerator_ms ? *node.accelerator_ms * kSecondsPerMs : never;
  cost.forward_s_by_type["cpu"] = node.cpu_ms * kSecondsPerMs;
  cost.parameter_bytes = node.bytes;
  for (std::size_t i = 0; i < outputs.cost_ms.size(); ++i) {
    const double transfer_s = outputs.cost_ms[i] * kSecondsPerMs;
    result.outputs.push_back(tensor_name(node, i));
    cost.output_transfer_s.push_back(transfer_s);
    cost.output_bytes.push_back(std::llround(transfer_s * bandwidth));
  }
  result.cost = std::move(cost);
  if (node.color) result.colocate = fmt::format("class {}", *node.color);
  result.backward = node.backward;
  return result;
}

Cluster cluster_of(const Workload& workload, double bandwidth) {
  Cluster cluster;
  cluster.name = fmt::format("{} accelerators, {} CPUs", workload.accelerators, workload.cpus);
  cluster.types = {{.name = "accelerator",
                    .memory_bytes = workload.memory_bytes,
                    .flops_per_s = {{DataType::kFloat32, 1e13}},
                    .memory_bandwidth_bytes_per_s = 1e12},
                   {.name = "cpu",
                    .flops_per_s = {{DataType::kFloat32, 1e12}},
                    .memory_bandwidth_bytes_per_s = 1e11,
                    .in_host_memory = true}};
  for (std::int64_t i = 0; i < workload.accelerators; ++i) {
    cluster.devices.push_back({.name = fmt::format("accelerator{}", i), .type = 0, .host = 0});
  }
  for (std::int64_t i = 0; i < workload.cpus; ++i) {
    cluster.devices.push_back({.name = fmt::format("cpu{}", i), .type = 1, .host = 0});
  }
  cluster.within_host = cluster.between_hosts = {.latency_s = 0.0, .bandwidth_bytes_per_s = bandwidth};
  return cluster;
}

}  // namespace

bool looks_like_dnn_partitioning(std::string_view bytes, std::string_view) {
  const std::size_t first = bytes.find_first_not_of(" \t\r\n");
  return first != std::string_view::npos && bytes[first] == '{' && bytes.find("\"maxFPGAs\"") != std::string_view::npos;
}

ImportedModel import_dnn_partitioning(std::string_view bytes, const std::string& path) {
  JsonDocument document(bytes, path);
  const Workload workload = read_workload(document);
  std::vector<Outputs> outputs(workload.nodes.size());
  std::vector<std::vector<std::string>> inputs(workload.nodes.size());
  for (const WorkloadEdge& edge : workload.edges) {
    std::string tensor = tensor_name(workload.nodes[edge.from], outputs[edge.from].position_of(edge.cost_ms));
    std::vector<std::string>& read = inputs[edge.to];
    if (std::find(read.begin(), read.end(), tensor) == read.end()) read.push_back(std::move(tensor));
  }
  const double bandwidth = link_bandwidth(outputs, workload);
  ImportedModel imported;
  imported.model.name = model_name_of(path);
  imported.model.description = "Measured elsewhere; nodes are named by their ids there.";
  for (std::size_t i = 0; i < workload.nodes.size(); ++i) {
    ModelNode node = model_node(workload.nodes[i], outputs[i], bandwidth);
    node.inputs = std::move(inputs[i]);
    imported.model.nodes.push_back(std::move(node));
  }
  imported.cluster = cluster_of(workload, bandwidth);
  return imported;
}

}  // namespace mp::partition
