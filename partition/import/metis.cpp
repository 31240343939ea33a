#include "partition/import/metis.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cstddef>
#include <span>
#include <utility>

#include "lib/base/error.hpp"
#include "partition/files/metis_graph.hpp"

namespace mp::partition {
namespace {

constexpr double kSecondsPerWeight = 1e-6;

std::string edge_name(std::size_t from, std::size_t to) { return fmt::format("{}-{}", from + 1, to + 1); }

void require_size(Weight weight, const std::string& what, const std::string& path) {
  if (weight <= kMaxTensorBytes) return;
  throw InputError(path, Issue{what, fmt::format("a weight of {} is too large for a number of bytes ({} at most)",
                                                 weight, kMaxTensorBytes)});
}

ModelNode node_of(const WeightedGraph& graph, std::size_t vertex, const std::string& path) {
  const VertexId v = make_id<VertexId>(vertex);
  const std::span<const Weight> weights = graph.weights_of(v);
  ModelNode node;
  node.name = std::to_string(vertex + 1);
  node.op = "Vertex";
  node.cost = MeasuredCost{.forward_s = static_cast<double>(weights[0]) * kSecondsPerWeight, .output_bytes = {}};
  if (weights.size() > 1) {
    require_size(weights[1], "vertex " + node.name, path);
    node.cost->parameter_bytes = weights[1];
  }
  for (std::size_t i = 0; i < graph.neighbours_of(v).size(); ++i) {
    const std::size_t other = index(graph.neighbours_of(v)[i]);
    if (other < vertex) {
      node.inputs.push_back(edge_name(other, vertex));
      continue;
    }
    const Weight weight = graph.edge_weights_of(v)[i];
    require_size(weight, fmt::format("edge {} {}", vertex + 1, other + 1), path);
    node.outputs.push_back(edge_name(vertex, other));
    node.cost->output_bytes.push_back(weight);
  }
  return node;
}

}  // namespace

bool looks_like_metis(std::string_view bytes, std::string_view path) {
  if (path.ends_with(".graph")) return true;
  while (bytes.starts_with('%')) {
    const std::size_t end = bytes.find('\n');
    bytes.remove_prefix(end == std::string_view::npos ? bytes.size() : end + 1);
  }
  const std::string_view line = bytes.substr(0, bytes.find('\n'));
  std::size_t numbers = 0;
  for (std::size_t i = 0; i < line.size(); ++i) {
    const bool digit = std::isdigit(static_cast<unsigned char>(line[i])) != 0;
    if (!digit && line[i] != ' ' && line[i] != '\t' && line[i] != '\r') return false;
    if (digit && (i == 0 || std::isdigit(static_cast<unsigned char>(line[i - 1])) == 0)) ++numbers;
  }
  return numbers >= 2 && numbers <= 4;
}

ImportedModel import_metis(std::string_view bytes, const std::string& path) {
  const WeightedGraph graph = parse_metis_graph(bytes, path).graph;
  ImportedModel imported;
  imported.model.name = model_name_of(path);
  imported.model.description = "From a METIS graph: a vertex weight is a microsecond of work, an edge weight a byte.";
  for (std::size_t v = 0; v < static_cast<std::size_t>(graph.vertices()); ++v) {
    imported.model.nodes.push_back(node_of(graph, v, path));
  }
  return imported;
}

}  // namespace mp::partition
