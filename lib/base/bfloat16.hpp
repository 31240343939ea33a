// bfloat16: the upper half of a float32's bits (8 bits of exponent, 7 of mantissa), stored as an integer.
#pragma once

#include <bit>
#include <cstdint>

namespace mp {

// Round to nearest, ties to even, as IEEE 754 rounds; what is too large becomes infinite; NaN stays one.
[[gnu::always_inline]] constexpr std::uint16_t to_bfloat16(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const std::uint32_t rounded = (bits + 0x7fffU + ((bits >> 16U) & 1U)) >> 16U;
  const std::uint32_t quiet_nan = (bits >> 16U) | 0x40U;
  return static_cast<std::uint16_t>((bits & 0x7fffffffU) > 0x7f800000U ? quiet_nan : rounded);
}

// Exact.
[[gnu::always_inline]] constexpr float from_bfloat16(std::uint16_t value) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(value) << 16U);
}

}  // namespace mp
