// The gradient of an embedding, added to another of the same table, in one pass over the table.
#pragma once

#include <memory>

#include "runtime/backend.hpp"
#include "runtime/gpu/device.hpp"
#include "runtime/gpu/kernel_role.hpp"

namespace mp::runtime::gpu {

// `gradient`: dY, indices → dX, in float32, which is not written. `sum`: dX and another in float32, either first →
// their sum, perhaps in the other's place. The bits of one after the other.
[[nodiscard]] std::unique_ptr<Kernel> make_gather_gradient_sum(Device& device, const GatherGradientRole& role,
                                                               const FusedPart& gradient, const FusedPart& sum);

}  // namespace mp::runtime::gpu
