// Which backward nodes only serve the updates: the "W" of zero-bubble schedules.
#pragma once

#include "lib/base/ids.hpp"
#include "lib/training/training_graph.hpp"

namespace mp {

// Backward nodes that nothing but updates follows, within the backward nodes of one forward node: they turn the
// gradient of its output into that of its parameters, and no other backward node waits for them, so they may run at any
// time before the updates (Qi et al., "Zero bubble pipeline parallelism", ICLR 2024, section 2). A node whose outputs
// nobody reads is none: nothing says what it is for. Guarantee: what reads one is one, or an update.
[[nodiscard]] IdVector<NodeId, bool> weight_gradient_nodes(const TrainingGraph& training);

}  // namespace mp
