// Which steps of a device's list a GPU does in one go.
#pragma once

#include <span>
#include <vector>

#include "runtime/fusion.hpp"
#include "runtime/gpu/device.hpp"

namespace mp::runtime::gpu {

struct FusionOptions {
  bool epilogues = true;       // of products
  bool normalizations = true;  // their gradients
  bool losses = true;          // with their gradients
  bool embeddings = true;      // their gradients, with what is added to them
};

// Updates of parameters that follow each other are one launch, with the same bits. Where they are asked for,
// bfloat16 products take with them what is done to their result or operands (product_fusion.hpp), and gradients of
// normalizations are made together (normalization_fusion.hpp). These skip the rounding between the two, or add up in
// another order. A loss is made with its gradient (cross_entropy_fusion.hpp), the gradient of an embedding with what is
// added to it (embedding_fusion.hpp), with the same bits. The kernels of `steps` are those of this folder.
[[nodiscard]] std::vector<Fusion> find_fusions(Device& device, std::span<const FusionStep> steps,
                                               const FusionOptions& options);

}  // namespace mp::runtime::gpu
