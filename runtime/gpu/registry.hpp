// Which operator has which kernel on a GPU.
#pragma once

#include <string_view>

#include "runtime/gpu/kernel_call.hpp"

namespace mp::runtime::gpu {

// Null when there is none.
[[nodiscard]] KernelFactory find_kernel(std::string_view op);

// The kernel of a node. Throws RunError naming node and operator where there is none.
[[nodiscard]] KernelPointer make_kernel(Device& device, const Graph& graph, NodeId node);

}  // namespace mp::runtime::gpu
