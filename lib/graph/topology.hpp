// Order and cycles of a directed graph of positions 0 … n − 1.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace mp {

// predecessors[i]: what must stand before i (repetitions allowed).
using Predecessors = std::vector<std::vector<std::int32_t>>;

// A topological order, the smallest position first where free. Positions on a cycle, or behind one, are left out.
[[nodiscard]] std::vector<std::int32_t> topological_order(const Predecessors& predecessors);

// Disjoint cycles among the positions missing from `order`, at least one if any is missing; each begins at its smallest
// position and goes on along the edges.
[[nodiscard]] std::vector<std::vector<std::int32_t>> find_cycles(const Predecessors& predecessors,
                                                                 const std::vector<std::int32_t>& order);

}  // namespace mp
