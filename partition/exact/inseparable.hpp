// Which vertices no cheap cut can tell apart: what makes exact search possible.
#pragma once

#include <cstdint>
#include <vector>

#include "partition/graph/weighted_graph.hpp"

namespace mp::partition {

// Class of every vertex, classes numbered from 0.
struct Classes {
  std::int32_t count = 0;
  IdVector<VertexId, std::int32_t> of;
};

// Two vertices are in one class exactly if every cut that parts them weighs `bound` or more (graphs over
// `most_flow_vertices` after the cheap reductions: only if, which is all that callers need). So a partition of cut
// below `bound` never parts a class.
//
// References: H. Nagamochi, T. Ibaraki, Computing edge-connectivity in multigraphs and capacitated graphs, SIAM J.
// Discrete Math. 5, 1992 (edges certified by one maximum-adjacency scan); D. Gusfield, Very simple methods for all
// pairs network flow analysis, SIAM J. Computing 19, 1990 (one flow per vertex for the rest).
[[nodiscard]] Classes inseparable_classes(const WeightedGraph& graph, Weight bound,
                                          std::int32_t most_flow_vertices = 3000);

// One vertex per class: weights added, parallel edges merged.
[[nodiscard]] WeightedGraph contracted(const WeightedGraph& graph, const Classes& classes);
// Classes of `outer`, which numbers the classes of `inner`, seen from the vertices of `inner`.
[[nodiscard]] Classes composed(const Classes& inner, const Classes& outer);

}  // namespace mp::partition
