// A matrix product with what is done to it or to its operands, in one call of the device's library.
#pragma once

#include <memory>

#include "runtime/backend.hpp"
#include "runtime/gpu/device.hpp"
#include "runtime/gpu/kernel_call.hpp"

namespace mp::runtime::gpu {

// `product` has a ProductRole; `other`, as `epilogue` says, is its GELU, the gradient of a GELU that takes it, or the
// sum of one operand's columns. Where the device's library has no such product both run as they are.
struct FusedProductParts {
  FusedPart product;
  FusedPart other;
  Epilogue epilogue = Epilogue::kNone;
};
[[nodiscard]] std::unique_ptr<Kernel> make_fused_product(Device& device, const FusedProductParts& parts);

}  // namespace mp::runtime::gpu
