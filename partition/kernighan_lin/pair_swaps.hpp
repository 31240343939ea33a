// Kernighan–Lin: exchanges of vertex pairs between two blocks.
#pragma once

#include <cstdint>
#include <span>

#include "partition/graph/tracked_partition.hpp"
#include "partition/kernighan_lin/connectivity.hpp"

namespace mp::partition {

// One pass over the pairs of adjacent blocks. In each pair, the best exchange of one boundary vertex for another is
// made again and again, both then locked, even when it costs; kept is the best prefix of the sequence.
// Never makes (violation, cut) worse. Returns the exchanges kept.
//
// Reference: B. W. Kernighan, S. Lin, An efficient heuristic procedure for partitioning graphs, Bell System Technical
// Journal 49, 1970. Deviations: vertices have weights, so an exchange must keep the limits (or not make them worse);
// only vertices with a neighbour in the other block take part; of each side, only the kCandidates highest gains are
// paired, and a sequence ends after kPatience exchanges without progress. Without them a pass is O(n² log n).
std::int64_t swap_pass(TrackedPartition& partition, Connectivity& connectivity, std::span<const BlockId> fixed);

}  // namespace mp::partition
