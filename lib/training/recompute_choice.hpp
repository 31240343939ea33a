// Which forward nodes to run again, by the pattern of the checkpoints.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "lib/base/ids.hpp"
#include "lib/training/flows.hpp"
#include "lib/training/training_graph.hpp"

namespace mp {

// kNone: everything is kept. kBlocks: the nodes of a device are cut into blocks where little crosses; what crosses is
// kept, and backward makes one block at a time again: about √n of n layers' memory (Chen et al., 2016). kAll: a device
// keeps what it received alone; the least between the passes of a pipeline, but all of a stage at once in backward.
enum class RecomputePattern : std::uint8_t { kNone, kBlocks, kAll };
[[nodiscard]] std::string_view name_of(RecomputePattern pattern);  // "none", "blocks", "all"
[[nodiscard]] std::optional<RecomputePattern> find_recompute_pattern(std::string_view name);

// Ascending; never views, which cost nothing, nor nodes for which more would have to be kept than they make: of what
// they receive from other devices.
[[nodiscard]] std::vector<NodeId> nodes_to_recompute(const TrainingGraph& training, const Placement& placement,
                                                     RecomputePattern pattern);

}  // namespace mp
