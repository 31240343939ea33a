// From an overloaded partition to one within the limits, at little cost in cut.
#pragma once

#include <span>

#include "partition/multilevel/gain_table.hpp"
#include "partition/multilevel/vertex_heap.hpp"

namespace mp::partition {

// Moves vertices out of overloaded blocks until none is left or no move helps. The overload never grows; the cut may.
// Moves go through `table`, which must be attached. Vertices with fixed[v] ≥ 0 stay (empty: none). Returns the
// quality, given that of the start.
Quality relieve(PartitionState& state, GainTable& table, Quality start, std::span<const std::int32_t> fixed,
                VertexHeap& heap);

}  // namespace mp::partition
