// Many updates of parameters in one launch ("multi-tensor apply").
#pragma once

#include <memory>
#include <span>

#include "runtime/backend.hpp"
#include "runtime/gpu/device.hpp"

namespace mp::runtime::gpu {

// `parts` are kernels with an UpdateRole, of which none reads what another writes. The same bits as one by one.
[[nodiscard]] std::unique_ptr<Kernel> make_updates(Device& device, std::span<const FusedPart> parts);

}  // namespace mp::runtime::gpu
