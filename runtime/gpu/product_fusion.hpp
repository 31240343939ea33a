// Finds what bfloat16 products can take with them.
#pragma once

#include <span>
#include <vector>

#include "runtime/fusion.hpp"
#include "runtime/gpu/device.hpp"
#include "runtime/gpu/fusion_steps.hpp"

namespace mp::runtime::gpu {

// A GELU (the tanh kind), the gradient of one, or the gradient of a bias; or the sum with another matrix (a residual
// stream, another gradient of the same tensor); and the casts to float32 of gradients of weights and biases. Appends to
// `fusions`, and moves the steps in `order`.
void find_product_fusions(Device& device, std::span<const FusionStep> steps, StepOrder& order,
                          std::vector<Fusion>& fusions);

}  // namespace mp::runtime::gpu
