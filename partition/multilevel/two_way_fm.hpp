// Fiduccia–Mattheyses refinement of a bisection.
#pragma once

#include <span>

#include "partition/multilevel/partition_state.hpp"
#include "partition/multilevel/vertex_heap.hpp"

namespace mp::partition {

// Memory that many small refinements share.
struct TwoWayScratch {
  VertexHeap heaps[2];                    // movable boundary vertices of each side
  IdVector<VertexId, Weight> gains;       // of moving to the other side; exact for vertices in a heap
  IdVector<VertexId, std::uint8_t> done;  // moved, or found not to fit, in this pass
  std::vector<VertexId> moves;
};

// Improves `state` (two blocks) until a pass brings nothing; never makes its quality worse. Vertices with
// fixed[v] ≥ 0 stay (empty: none is fixed). Returns the quality, given that of the start.
Quality two_way_fm(PartitionState& state, Quality start, std::span<const std::int32_t> fixed, int max_passes,
                   TwoWayScratch& scratch);

}  // namespace mp::partition
