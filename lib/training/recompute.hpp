// Activation checkpointing as a rewrite of the training graph: what backward needs is made again, not kept.
#pragma once

#include <vector>

#include "lib/base/ids.hpp"
#include "lib/training/flows.hpp"
#include "lib/training/training_graph.hpp"

namespace mp {

// Backward nodes that read an output of one of `nodes` (forward nodes) on that node's device read the output of a copy
// of it instead ("<node>.again", in the backward phase), which reads copies in turn; the copies of a node stand right
// before the first backward node that needs them, so that the originals die with the forward pass (Chen et al.,
// "Training deep nets with sublinear memory cost", 2016). What came from another device is kept as it was received, and
// so is whatever no node of `nodes` made. Views of copies are copied with them. A copy draws the random numbers of its
// original and updates no state; a node that cannot be run without updating one is kept.
// Guarantees: forward nodes keep their ids; every number computed is the same.
[[nodiscard]] TrainingGraph recompute(const TrainingGraph& training, const Placement& placement,
                                      const std::vector<NodeId>& nodes);

}  // namespace mp
