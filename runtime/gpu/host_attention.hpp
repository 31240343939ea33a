// Fused attention of the host's GPU backend: the formulas, in float64.
#pragma once

#include <memory>

#include "runtime/gpu/device.hpp"

namespace mp::runtime::gpu {

[[nodiscard]] std::unique_ptr<FusedAttention> make_host_attention(const AttentionProblem& problem);

}  // namespace mp::runtime::gpu
