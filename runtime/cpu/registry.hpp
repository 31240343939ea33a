// Which operator has which kernel on the CPU.
#pragma once

#include <string_view>

#include "runtime/cpu/kernel_call.hpp"

namespace mp::runtime::cpu {

// Null when there is none.
[[nodiscard]] KernelFactory find_kernel(std::string_view op);

}  // namespace mp::runtime::cpu
