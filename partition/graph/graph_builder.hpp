// From a list of edges to a WeightedGraph with all its guarantees.
#pragma once

#include <span>
#include <vector>

#include "partition/graph/weighted_graph.hpp"

namespace mp::partition {

struct WeightedEdge {
  VertexId from = kNone<VertexId>;
  VertexId to = kNone<VertexId>;
  Weight weight = 1;
  friend bool operator==(const WeightedEdge&, const WeightedEdge&) = default;
};

struct VertexWeights {
  std::int32_t constraints = 1;
  std::vector<Weight> weights;  // vertices × constraints
};

// The undirected graph of `edges`: direction dropped, parallel and antiparallel edges merged (weights added),
// self loops and edges of weight 0 dropped, rows sorted by neighbour. O(vertices + edges).
// Throws InputError("<graph>") naming vertex or edge: an end out of range, a negative weight, weights whose sum
// does not fit 64 bits, a count of weights that is no multiple of `constraints`.
[[nodiscard]] WeightedGraph build_graph(VertexWeights vertices, std::span<const WeightedEdge> edges);

// Checks the guarantees of WeightedGraph (for tests and MP_CHECK_HEAVY): rows sorted or not.
[[nodiscard]] bool is_consistent(const WeightedGraph& graph);

}  // namespace mp::partition
