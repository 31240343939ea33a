#include "partition/graph/graph_builder.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <string>
#include <utility>

#include "lib/base/error.hpp"

namespace mp::partition {
namespace {

constexpr const char* kSource = "<graph>";

[[noreturn]] void refuse(std::string place, std::string message) {
  throw InputError(kSource, Issue{.place = std::move(place), .message = std::move(message)});
}

Weight checked_sum(Weight sum, Weight more, const std::string& what) {
  Weight result = 0;
  if (__builtin_add_overflow(sum, more, &result))
    refuse("", fmt::format("the sum of the {} does not fit 64 bits; use a coarser unit", what));
  return result;
}

void check_vertices(const VertexWeights& vertices) {
  if (vertices.constraints < 1) refuse("", fmt::format("{} balance constraints; at least 1", vertices.constraints));
  const auto constraints = static_cast<std::size_t>(vertices.constraints);
  if (vertices.weights.size() % constraints != 0)
    refuse("",
           fmt::format("{} vertex weights are no multiple of {} constraints", vertices.weights.size(), constraints));
  if (vertices.weights.size() / constraints > static_cast<std::size_t>(std::numeric_limits<std::int32_t>::max()))
    refuse("", "more than 2^31 − 1 vertices");
  std::vector<Weight> sums(constraints, 0);
  for (std::size_t i = 0; i < vertices.weights.size(); ++i) {
    if (vertices.weights[i] < 0)
      refuse(fmt::format("vertex {}", i / constraints), fmt::format("negative weight {}", vertices.weights[i]));
    sums[i % constraints] = checked_sum(sums[i % constraints], vertices.weights[i], "vertex weights");
  }
}

void check_edges(std::span<const WeightedEdge> edges, std::size_t vertices) {
  Weight sum = 0;
  for (std::size_t i = 0; i < edges.size(); ++i) {
    for (const VertexId end : {edges[i].from, edges[i].to}) {
      const auto id = static_cast<std::int32_t>(end);
      if (id < 0 || index(end) >= vertices)
        refuse(fmt::format("edge {}", i), fmt::format("vertex {} is not one of the {} vertices", id, vertices));
    }
    if (edges[i].weight < 0) refuse(fmt::format("edge {}", i), fmt::format("negative weight {}", edges[i].weight));
    // Both rows hold the weight: gains and degrees sum over rows, so twice the sum must fit.
    sum = checked_sum(sum, edges[i].weight, "edge weights");
    checked_sum(sum, sum, "edge weights");
  }
}

bool counts(const WeightedEdge& edge) { return edge.from != edge.to && edge.weight > 0; }

// The edges bucketed by their first end, both directions, still with parallels.
void scatter(WeightedGraph& graph, std::span<const WeightedEdge> edges) {
  for (const WeightedEdge& edge : edges) {
    if (!counts(edge)) continue;
    ++graph.offsets[index(edge.from) + 1];
    ++graph.offsets[index(edge.to) + 1];
  }
  for (std::size_t v = 1; v < graph.offsets.size(); ++v) graph.offsets[v] += graph.offsets[v - 1];
  graph.neighbours.resize(static_cast<std::size_t>(graph.offsets.back()));
  graph.edge_weights.resize(graph.neighbours.size());
  std::vector<std::int64_t> next(graph.offsets.begin(), graph.offsets.end() - 1);
  const auto put = [&](VertexId at, VertexId neighbour, Weight weight) {
    const auto slot = static_cast<std::size_t>(next[index(at)]++);
    graph.neighbours[slot] = neighbour;
    graph.edge_weights[slot] = weight;
  };
  for (const WeightedEdge& edge : edges) {
    if (!counts(edge)) continue;
    put(edge.from, edge.to, edge.weight);
    put(edge.to, edge.from, edge.weight);
  }
}

// Sorts every row and adds up parallel edges, closing the gaps in place.
void merge_rows(WeightedGraph& graph) {
  std::vector<std::pair<VertexId, Weight>> row;
  std::size_t write = 0;
  std::int64_t begin = 0;
  for (std::size_t v = 0; v + 1 < graph.offsets.size(); ++v) {
    const std::int64_t end = graph.offsets[v + 1];
    row.clear();
    for (auto i = static_cast<std::size_t>(begin); i < static_cast<std::size_t>(end); ++i)
      row.emplace_back(graph.neighbours[i], graph.edge_weights[i]);
    std::sort(row.begin(), row.end());
    const std::size_t row_begin = write;
    for (const auto& [neighbour, weight] : row) {
      if (write > row_begin && graph.neighbours[write - 1] == neighbour) {
        graph.edge_weights[write - 1] += weight;
      } else {
        graph.neighbours[write] = neighbour;
        graph.edge_weights[write++] = weight;
      }
    }
    begin = end;
    graph.offsets[v + 1] = static_cast<std::int64_t>(write);
  }
  graph.neighbours.resize(write);
  graph.edge_weights.resize(write);
}

bool has_reverse(const WeightedGraph& graph, VertexId u, VertexId v, Weight weight) {
  const auto row = graph.neighbours_of(v);
  const auto first = std::find(row.begin(), row.end(), u);
  if (first == row.end() || std::find(first + 1, row.end(), u) != row.end()) return false;
  return graph.edge_weights_of(v)[static_cast<std::size_t>(first - row.begin())] == weight;
}

}  // namespace

WeightedGraph build_graph(VertexWeights vertices, std::span<const WeightedEdge> edges) {
  check_vertices(vertices);
  const std::size_t count = vertices.weights.size() / static_cast<std::size_t>(vertices.constraints);
  check_edges(edges, count);
  WeightedGraph graph;
  graph.constraints = vertices.constraints;
  graph.vertex_weights = std::move(vertices.weights);
  graph.offsets.assign(count + 1, 0);
  scatter(graph, edges);
  merge_rows(graph);
  return graph;
}

bool is_consistent(const WeightedGraph& graph) {
  const auto vertices = static_cast<std::size_t>(graph.vertices());
  if (graph.constraints < 1 || graph.vertex_weights.size() != vertices * static_cast<std::size_t>(graph.constraints))
    return false;
  if (graph.offsets.front() != 0 || graph.offsets.back() != static_cast<std::int64_t>(graph.neighbours.size()) ||
      graph.edge_weights.size() != graph.neighbours.size() ||
      !std::is_sorted(graph.offsets.begin(), graph.offsets.end()))
    return false;
  if (std::any_of(graph.vertex_weights.begin(), graph.vertex_weights.end(), [](Weight w) { return w < 0; }))
    return false;
  for (const VertexId v : ids<VertexId>(vertices)) {
    const auto row = graph.neighbours_of(v);
    for (std::size_t i = 0; i < row.size(); ++i) {
      const auto id = static_cast<std::int32_t>(row[i]);
      if (id < 0 || index(row[i]) >= vertices || row[i] == v) return false;
      const Weight weight = graph.edge_weights_of(v)[i];
      if (weight <= 0 || !has_reverse(graph, v, row[i], weight)) return false;
    }
  }
  return true;
}

}  // namespace mp::partition
