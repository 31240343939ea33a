// From a partition out of balance to one in balance, at the least cost in cut.
#pragma once

#include <span>

#include "partition/graph/tracked_partition.hpp"

namespace mp::partition {

// Moves vertices out of blocks above their limits, the least cut lost per violation repaired first; then swaps
// pairs; and where that fails, packs all vertices afresh (heaviest first, into the emptiest block that it fits).
// Guarantee: the violation never grows; fixed vertices stay. Returns whether the limits hold now. Deciding
// whether they can hold at all is NP-hard (bin packing): a tight instance may stay out of balance.
bool rebalance(TrackedPartition& partition, std::span<const BlockId> fixed);

// Gives every empty block the vertex that costs least, if there are vertices enough for all and no limit gets worse.
void fill_empty_blocks(TrackedPartition& partition, std::span<const BlockId> fixed);

// All vertices packed for balance alone, the cut only breaking ties.
[[nodiscard]] Assignment packed(const WeightedGraph& graph, const BalanceLimits& limits,
                                std::span<const BlockId> fixed);

}  // namespace mp::partition
