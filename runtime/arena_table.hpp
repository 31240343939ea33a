// What takes a device's memory, for the one who has not enough of it.
#pragma once

#include <string>

#include "lib/program/program.hpp"

namespace mp::runtime {

// Lines of the plan's own account of a device's arena: parameters and optimizer state, gradients, activations, the
// largest tensors; and what would make it smaller.
[[nodiscard]] std::string arena_table(const Program& program, DeviceId device);

}  // namespace mp::runtime
