// Which steps of a device's list a GPU does in one go.
#pragma once

#include <span>
#include <vector>

#include "runtime/fusion.hpp"
#include "runtime/gpu/device.hpp"

namespace mp::runtime::gpu {

struct FusionOptions {
  bool epilogues = true;
};

// Updates of parameters that follow each other are one launch, with the same bits. With `epilogues`, bfloat16 products
// take with them what is done to their result or operands: a GELU (the tanh kind), the gradient of one, the gradient of
// a bias. These skip the rounding between the two, or add up in another order. The kernels of `steps` are those of this
// folder.
[[nodiscard]] std::vector<Fusion> find_fusions(Device& device, std::span<const FusionStep> steps,
                                               const FusionOptions& options);

}  // namespace mp::runtime::gpu
