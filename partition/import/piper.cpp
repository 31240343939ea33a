#include "partition/import/piper.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "lib/base/text.hpp"
#include "lib/files/cluster_file.hpp"
#include "lib/files/json.hpp"
#include "lib/graph/topology.hpp"

namespace mp::partition {
namespace {

constexpr std::int64_t kMaxMicrobatches = 1'000'000;

struct Edge {
  std::size_t from = 0;
  std::size_t to = 0;
  std::int64_t bytes = 0;
};

struct Reader {
  Model model;
  std::vector<JsonValue> options;  // "TMPCs" of each node
  std::map<std::int64_t, std::size_t> position;
  std::vector<Edge> edges;
  // Of each node: the other end → position among its inputs, its outputs.
  std::vector<std::map<std::size_t, std::size_t>> inputs;
  std::vector<std::map<std::size_t, std::size_t>> outputs;
};

std::int64_t read_bytes(JsonValue value) {
  const double bytes = std::ceil(value.number_at_least(0.0));
  const auto most = static_cast<double>(kMaxTensorBytes);
  if (bytes > most) value.issue(fmt::format("{} bytes are too many: {} at most", bytes, most));
  return static_cast<std::int64_t>(std::clamp(bytes, 0.0, most));
}

double read_seconds(JsonValue value) {
  constexpr double kMost = 1e9;
  const double seconds = value.number_at_least(0.0);
  if (seconds > kMost) value.issue(fmt::format("{} s are too many: {} at most", seconds, kMost));
  return std::clamp(seconds, 0.0, kMost);
}

std::optional<std::int64_t> number_in(std::string_view key) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(key.data(), key.data() + key.size(), number);
  if (error != std::errc() || end != key.data() + key.size()) return std::nullopt;
  return number;
}

void read_nodes(JsonValue value, Reader& reader) {
  for (const JsonValue item : value.items()) {
    const JsonObject fields = item.open_object();
    const std::int64_t id = fields.require("id").integer();
    if (!reader.position.emplace(id, reader.model.nodes.size()).second)
      item.issue(fmt::format("another node has the id {}", id));
    ModelNode& node = reader.model.nodes.emplace_back();
    node.name = std::to_string(id);
    node.op = "Measured";
    if (fields["name"].kind() == JsonKind::kString) node.attributes.set("label", fields["name"].string());
    reader.options.push_back(fields.require("TMPCs"));
  }
  if (reader.model.nodes.empty() && value.kind() == JsonKind::kArray) value.issue("there are no nodes to place");
  reader.inputs.resize(reader.model.nodes.size());
  reader.outputs.resize(reader.model.nodes.size());
}

std::size_t read_end(JsonValue value, const Reader& reader) {
  const std::int64_t id = value.integer();
  const auto found = reader.position.find(id);
  if (found != reader.position.end()) return found->second;
  if (value.kind() == JsonKind::kInteger) value.issue(fmt::format("no node has the id {}", id));
  return 0;
}

void read_edges(JsonValue value, Reader& reader) {
  for (const JsonValue item : value.items()) {
    const JsonObject fields = item.open_object();
    Edge edge;
    edge.from = read_end(fields.require("sourceId"), reader);
    edge.to = read_end(fields.require("destId"), reader);
    edge.bytes = read_bytes(fields.require("communicationCost"));
    if (reader.model.nodes.empty()) continue;
    ModelNode& from = reader.model.nodes[edge.from];
    ModelNode& to = reader.model.nodes[edge.to];
    const bool is_new = reader.outputs[edge.from].emplace(edge.to, from.outputs.size()).second;
    if (!is_new) {
      item.issue(fmt::format("another edge goes from {} to {}", from.name, to.name));
      continue;
    }
    reader.inputs[edge.to].emplace(edge.from, to.inputs.size());
    from.outputs.push_back(fmt::format("{}->{}", from.name, to.name));
    to.inputs.push_back(from.outputs.back());
    reader.edges.push_back(edge);
  }
}

void require_no_cycle(JsonDocument& document, const Reader& reader) {
  if (!document.good()) return;
  Predecessors predecessors(reader.model.nodes.size());
  for (const Edge& edge : reader.edges) predecessors[edge.to].push_back(static_cast<std::int32_t>(edge.from));
  const std::vector<std::int32_t> order = topological_order(predecessors);
  if (order.size() == reader.model.nodes.size()) return;
  for (const std::vector<std::int32_t>& cycle : find_cycles(predecessors, order)) {
    document.report({"/edges", fmt::format("the edges have a cycle of {} node{}, from the node with id {}",
                                           cycle.size(), cycle.size() == 1 ? "" : "s",
                                           reader.model.nodes[static_cast<std::size_t>(cycle.front())].name)});
  }
}

// {"3": 8192.0, …}: by the other end of the edge.
std::vector<std::int64_t> read_sync(JsonValue value, const Reader& reader,
                                    const std::map<std::size_t, std::size_t>& edges, std::string_view what) {
  std::vector<std::int64_t> bytes(edges.size(), 0);
  std::set<std::size_t> seen;
  for (const auto& [key, item] : value.members()) {
    const std::optional<std::int64_t> id = number_in(key);
    const auto node = id ? reader.position.find(*id) : reader.position.end();
    const auto edge = node == reader.position.end() ? edges.end() : edges.find(node->second);
    if (edge == edges.end()) {
      item.issue(fmt::format("there is no edge {} {}", what, quoted(key)));
      continue;
    }
    bytes[edge->second] = read_bytes(item);
    seen.insert(edge->second);
  }
  if (value.kind() == JsonKind::kObject && seen.size() != edges.size())
    value.issue(fmt::format("{} of {} edges {} other nodes are there", seen.size(), edges.size(), what));
  const bool is_needed = std::any_of(bytes.begin(), bytes.end(), [](std::int64_t b) { return b != 0; });
  return is_needed ? bytes : std::vector<std::int64_t>{};
}

void read_options_of(const Reader& reader, std::size_t node, JsonValue list, std::int32_t degree,
                     std::vector<ParallelOption>& options) {
  std::set<std::string> names;
  for (const JsonValue item : list.items()) {
    const JsonObject fields = item.open_object();
    ParallelOption option{.name = fields.require("id").nonempty_string(),
                          .tensor_parallel = degree,
                          .time_s = read_seconds(fields.require("timePerSample")),
                          .parameter_bytes = read_bytes(fields.require("parameterSize")),
                          .memory_per_microbatch_bytes = read_bytes(fields.require("memoryUsageA")),
                          .memory_bytes = read_bytes(fields.require("memoryUsageB")),
                          .sync_input_bytes = {},
                          .sync_output_bytes = {}};
    option.sync_input_bytes = read_sync(fields.require("syncTimeFw"), reader, reader.inputs[node], "from");
    option.sync_output_bytes = read_sync(fields.require("syncTimeBw"), reader, reader.outputs[node], "to");
    if (!names.insert(option.name).second)
      item.issue(fmt::format("another way on {} devices is named {}", degree, quoted(option.name)));
    options.push_back(std::move(option));
  }
}

void read_options(Reader& reader, std::size_t v) {
  ModelNode& node = reader.model.nodes[v];
  std::map<std::int32_t, JsonValue> by_degree;
  for (const auto& [key, list] : reader.options[v].members()) {
    const std::optional<std::int64_t> degree = number_in(key);
    if (!degree || *degree < 1 || *degree > kMaxDevices) {
      list.issue(fmt::format("{} is no tensor-parallel degree: 1 … {}", quoted(key), kMaxDevices));
      continue;
    }
    by_degree.emplace(static_cast<std::int32_t>(*degree), list);
  }
  for (const auto& [degree, list] : by_degree) read_options_of(reader, v, list, degree, node.parallel_options);
  if (node.parallel_options.empty()) {
    if (reader.options[v].kind() == JsonKind::kObject) reader.options[v].issue("there is no way to run this node");
    return;
  }
  const ParallelOption& first = node.parallel_options.front();
  MeasuredCost cost;
  cost.forward_s = first.time_s;
  cost.parameter_bytes = first.parameter_bytes;
  cost.output_bytes.assign(node.outputs.size(), 0);
  node.cost = std::move(cost);
}

Cluster read_cluster(const JsonObject& root) {
  const auto devices = root.require("maxDevices").integer(1, kMaxDevices);
  const JsonValue memory = root.require("maxMemoryPerDevice");
  const double memory_bytes = memory.number();
  if (memory.is_number() && (memory_bytes < 1.0 || memory_bytes > 1e18)) memory.issue("must lie in 1 … 1e18 bytes");
  const JsonValue bandwidth = root.require("bandwidth");
  const double bytes_per_s = bandwidth.number();
  if (bandwidth.is_number() && bytes_per_s <= 0.0) bandwidth.issue("must be more than 0");
  Cluster cluster;
  cluster.name = fmt::format("{} devices", devices);
  // Times are measured: the speeds are for objectives that ask for some.
  cluster.types = {{.name = "device",
                    .memory_bytes = static_cast<std::int64_t>(std::clamp(memory_bytes, 1.0, 1e18)),
                    .flops_per_s = {{DataType::kFloat32, 1e13}},
                    .memory_bandwidth_bytes_per_s = 1e12}};
  for (std::int64_t i = 0; i < devices; ++i)
    cluster.devices.push_back({.name = fmt::format("device{}", i), .type = 0, .host = 0});
  cluster.within_host = cluster.between_hosts = {.latency_s = 0.0, .bandwidth_bytes_per_s = bytes_per_s};
  return cluster;
}

}  // namespace

bool looks_like_piper(std::string_view bytes, std::string_view) {
  const std::size_t first = bytes.find_first_not_of(" \t\r\n");
  return first != std::string_view::npos && bytes[first] == '{' &&
         bytes.find("\"maxMemoryPerDevice\"") != std::string_view::npos &&
         bytes.find("\"TMPCs\"") != std::string_view::npos;
}

ImportedModel import_piper(std::string_view bytes, const std::string& path) {
  JsonDocument document(bytes, path);
  const JsonObject root = document.root().open_object();
  ImportedModel imported;
  imported.cluster = read_cluster(root);
  Reader reader;
  reader.model.name = model_name_of(path);
  reader.model.description = "Measured elsewhere (Piper); nodes are named by their ids there.";
  const JsonValue microbatches = root["mbsInBatch"].present() ? root["mbsInBatch"] : root.require("maxBatchSize");
  reader.model.dimensions.emplace(kBatchDimension, microbatches.integer(1, kMaxMicrobatches));
  read_nodes(root.require("nodes"), reader);
  read_edges(root.require("edges"), reader);
  require_no_cycle(document, reader);
  for (std::size_t v = 0; v < reader.model.nodes.size(); ++v) read_options(reader, v);
  document.finish();
  for (const Edge& edge : reader.edges)
    reader.model.nodes[edge.from].cost->output_bytes[reader.outputs[edge.from].at(edge.to)] = edge.bytes;
  imported.model = std::move(reader.model);
  return imported;
}

}  // namespace mp::partition
