// Finds gradients of embeddings that are added to another gradient of the same table.
#pragma once

#include <span>
#include <vector>

#include "runtime/fusion.hpp"
#include "runtime/gpu/device.hpp"
#include "runtime/gpu/fusion_steps.hpp"

namespace mp::runtime::gpu {

// Of a table that scores its own tokens, too (tied weights): the sum is written as it is made, where the gradient of
// the embedding would be cleared, written, read and added, each of the table's size. Appends to `fusions`, and moves
// the steps in `order`.
void find_embedding_fusions(Device& device, std::span<const FusionStep> steps, StepOrder& order,
                            std::vector<Fusion>& fusions);

}  // namespace mp::runtime::gpu
