// How long the emulated GPUs say that their work takes: a clock to each, which library calls alone move.
#pragma once

#include <cstdint>

namespace mp::emulation {

void spend(int device, std::int64_t microseconds);
[[nodiscard]] std::int64_t spent_us(int device);

}  // namespace mp::emulation
