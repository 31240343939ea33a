// What the norm of a gradient is summed from.
#pragma once

#include <cstdint>

namespace mp {

// GradientL2 has a norm for every so many elements of a gradient in row-major order, the last of fewer: however a
// gradient is shared out at multiples of it, the norm of all has the same bits.
inline constexpr std::int64_t kNormElements = 65536;

[[nodiscard]] constexpr std::int64_t norms_of(std::int64_t elements) {
  return (elements + kNormElements - 1) / kNormElements;
}

}  // namespace mp
