// Localised k-way Fiduccia–Mattheyses refinement.
#pragma once

#include <cstdint>
#include <span>

#include "partition/graph/random_source.hpp"
#include "partition/multilevel/gain_table.hpp"
#include "partition/multilevel/vertex_heap.hpp"

namespace mp::partition {

struct KwayFmOptions {
  int max_rounds = 5;
  int seeds_per_search = 100;      // boundary vertices that start one search
  double patience = 1.0;           // how long a search may go on without a better cut (α of the stopping rule)
  double slack = 0.0;              // share of a block's limit that a search may exceed on its way
  double min_improvement = 0.001;  // a round that lowers the cut by less is the last
};

struct KwayFmResult {
  Quality quality;
  std::int64_t moves_kept = 0;
};

// Reused from level to level.
struct KwayFmScratch {
  VertexHeap heap;
  IdVector<VertexId, BlockId> target;      // of the vertices in the heap
  IdVector<VertexId, std::uint8_t> moved;  // in this round, kept or rolled back
};

// Never makes the quality worse (`start` is the quality now). `table` must be attached to the partition, whose
// bookkeeping it keeps. Vertices with fixed[v] ≥ 0 stay (empty: none).
KwayFmResult kway_fm(PartitionState& state, GainTable& table, Quality start, std::span<const std::int32_t> fixed,
                     const KwayFmOptions& options, RandomSource& random, KwayFmScratch& scratch);

}  // namespace mp::partition
