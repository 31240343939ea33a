// A matrix product with what is done to it or to its operands, in one call of the device's library.
#pragma once

#include <memory>
#include <vector>

#include "runtime/backend.hpp"
#include "runtime/gpu/device.hpp"
#include "runtime/gpu/kernel_call.hpp"

namespace mp::runtime::gpu {

// What a step is to the product before it.
enum class FollowerKind : std::uint8_t {
  kEpilogue,    // its GELU, the gradient of a GELU that takes it, or the sums of one operand's columns
  kAddition,    // its sum with another matrix
  kCast,        // the product in float32, which nobody wants rounded
  kCastOfSums,  // the sums likewise
};

struct Follower {
  FollowerKind kind = FollowerKind::kEpilogue;
  Epilogue epilogue = Epilogue::kNone;  // kEpilogue
  FusedPart part;
};

// `product` has a ProductRole. As many of the followers, from the first on, as the device's library can do are done
// with the product, the others after it, as they are.
struct FusedProductParts {
  FusedPart product;
  std::vector<Follower> followers;
  bool product_is_last = false;  // its operands lie behind those of the followers
};
[[nodiscard]] std::unique_ptr<Kernel> make_fused_product(Device& device, FusedProductParts parts);

}  // namespace mp::runtime::gpu
