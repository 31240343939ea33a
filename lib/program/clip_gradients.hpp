// Gradient clipping by global norm, as nodes that run once a step.
#pragma once

#include <cstdint>

#include "lib/program/replication.hpp"
#include "lib/training/flows.hpp"
#include "lib/training/training_graph.hpp"

namespace mp {

// `training` with the nodes that clip by training.clip_norm; as it is where that is 0 or nothing is trained (Pascanu,
// Mikolov, Bengio, "On the difficulty of training recurrent neural networks", ICML 2013).
//
// The gradients meant are the whole ones, over microbatches, consumers and replicas. On each device that owns
// parameters a node takes the norms of their gradients (GradientL2: one for each piece); the owner of the first
// parameter puts these together in the order of training.trained, wherever they come from, so that the norm of all has
// the same bits under every placement, and sends the factor min(1, clip_norm / (norm + 10⁻⁶)) to every update. Two
// messages a device, of a few bytes. Guarantees: forward and backward nodes keep their ids, parameters their order.
[[nodiscard]] TrainingGraph clip_gradients(TrainingGraph training, const Placement& placement,
                                           const Replication& replication, std::int32_t zero);

}  // namespace mp
