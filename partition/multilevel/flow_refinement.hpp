// Refinement by minimum cuts between pairs of neighbouring blocks.
#pragma once

#include "partition/graph/random_source.hpp"
#include "partition/multilevel/flow_region.hpp"
#include "partition/multilevel/gain_table.hpp"

namespace mp::partition {

struct FlowOptions {
  int max_rounds = 3;    // over all pairs with a block that changed
  double effort = 30.0;  // arcs looked at, at most, for each arc of the graph
  FlowRegionOptions region{};
};

struct FlowScratch {
  FlowRegion region;
  FlowCutter cutter;
};

// Never makes the quality worse (`start` is the quality now). Moves go through `table`, which must be attached.
// Vertices with fixed[v] ≥ 0 stay (empty: none).
Quality refine_by_flow(PartitionState& state, GainTable& table, Quality start, std::span<const std::int32_t> fixed,
                       const FlowOptions& options, RandomSource& random, FlowScratch& scratch);

}  // namespace mp::partition
