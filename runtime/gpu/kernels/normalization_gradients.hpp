// The gradients of a normalization's input and weights, and what is added to the former, in one kernel.
#pragma once

#include <memory>

#include "runtime/backend.hpp"
#include "runtime/gpu/device.hpp"
#include "runtime/gpu/kernel_role.hpp"

namespace mp::runtime::gpu {

struct NormalizationGradientParts {
  FusedPart input;    // dY, X, scale, mean (not for RMS), inverse → dX
  FusedPart weights;  // dY, X, … → dscale, dshift
  FusedPart addition;
  bool has_addition = false;
  bool weights_come_first = false;
};

// Operands of rows of whole packs that begin at multiples of 16 bytes; bfloat16 or float32 each.
[[nodiscard]] std::unique_ptr<Kernel> make_normalization_gradients(Device& device,
                                                                   const NormalizationGradientRole& role,
                                                                   const NormalizationGradientParts& parts);

}  // namespace mp::runtime::gpu
