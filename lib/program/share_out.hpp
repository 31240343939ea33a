// Parameters that ZeRO gives several owners: each keeps, sums up and updates a share.
#pragma once

#include <cstdint>
#include <vector>

#include "lib/operators/gradient_norm.hpp"
#include "lib/program/replication.hpp"
#include "lib/training/flows.hpp"
#include "lib/training/training_graph.hpp"

namespace mp {

// A share begins at a multiple of so many elements: the norm of a gradient stays what it is.
inline constexpr std::int64_t kShareElements = kNormElements;

// `training` with what a group of replicas cannot own evenly as whole tensors in as many shares as it has members: the
// largest parameters, as few of them as balance what the members own to 3 %, or as balance it best. A share is a
// parameter, with a gradient, an optimizer state and an update of its own; the whole stays what the passes read, and
// its gradient what they make (TrainingGraph::shares). As it is below level 1 of ZeRO (Rajbhandari et al., SC 2020),
// where every member keeps all. Whole stay tensors of fewer than kShareElements for each member, shards along an axis
// but the first, and those whose update is not elementwise. Guarantees: forward nodes keep their ids; every element has
// the bits it would have in one piece.
[[nodiscard]] TrainingGraph share_out(TrainingGraph training, const Placement& placement,
                                      const Replication& replication, std::int32_t zero);

// Who of `members` owns a tensor of each size: largest first, to the one that owns the fewest bytes so far, the first
// of equals. `owned`: by position, before and after.
[[nodiscard]] std::vector<std::size_t> spread(const std::vector<std::int64_t>& sizes, std::vector<std::int64_t>& owned);

// The elements of each share of a tensor: whole multiples of kShareElements but for the last, as even as that allows.
[[nodiscard]] std::vector<std::int64_t> share_sizes(std::int64_t elements, std::int64_t shares);

}  // namespace mp
