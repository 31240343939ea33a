// METIS's .graph format: the graphs of the partitioning literature, and of gpmetis's users.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "partition/graph/weighted_graph.hpp"

namespace mp::partition {

struct MetisGraph {
  WeightedGraph graph;
  std::vector<Weight> vertex_sizes;  // fmt 1xx: what a vertex sends to each other block; empty otherwise
};

// The whole format: comments, fmt 0 … 111, several constraints. Every guarantee of WeightedGraph is checked, and
// rows come out sorted. O(edges · log degree) time, memory proportional to the text, whatever its header promises.
// Several threads read a part each; the result is the same. Throws InputError(`source`) naming the line: no or a wrong
// header, wrong counts, ids out of range, self loops, neighbours listed twice, edges that only one end lists or with
// two weights, weights that are no positive numbers or whose sum does not fit 64 bits, text after the last vertex.
[[nodiscard]] MetisGraph parse_metis_graph(std::string_view text, const std::string& source, int threads = 1);

// The graph in the file `path`, up to 64 GiB of it.
[[nodiscard]] MetisGraph read_metis_graph(const std::string& path, int threads = 1);

// The same graph as text, with only the weights that are not all 1.
[[nodiscard]] std::string metis_graph_text(const WeightedGraph& graph);

}  // namespace mp::partition
