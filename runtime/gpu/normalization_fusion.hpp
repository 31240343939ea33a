// Finds the gradients of a normalization that one kernel can make.
#pragma once

#include <span>
#include <vector>

#include "runtime/fusion.hpp"
#include "runtime/gpu/device.hpp"
#include "runtime/gpu/fusion_steps.hpp"

namespace mp::runtime::gpu {

// The gradients of a bfloat16 layer or RMS normalization's input and of its weights, which read the same, and the sum
// of the former with what comes along the residual stream. Appends to `fusions`, and moves the steps in `order`.
void find_normalization_fusions(Device& device, std::span<const FusionStep> steps, StepOrder& order,
                                std::vector<Fusion>& fusions);

}  // namespace mp::runtime::gpu
