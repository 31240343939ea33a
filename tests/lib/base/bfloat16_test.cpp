#include "lib/base/bfloat16.hpp"

#include <cmath>
#include <limits>

#include "lib/base/random.hpp"
#include "tests/support/catch.hpp"

using mp::from_bfloat16;
using mp::to_bfloat16;

TEST_CASE("bfloat16 is rounded to nearest, ties to even", "[bfloat16]") {
  const mp::RandomStream random(5, "bits");
  for (std::uint64_t i = 0; i < 20'000; ++i) {
    auto bits = static_cast<std::uint32_t>(random.below(i, std::uint64_t{1} << 32U));
    if (i % 4 == 0) bits = (bits & 0xffff0000U) | 0x8000U;  // halfway between two
    const auto value = std::bit_cast<float>(bits);
    if (!std::isfinite(value)) continue;
    const auto below = static_cast<std::uint16_t>(bits >> 16U);  // towards zero
    const auto above = static_cast<std::uint16_t>(below + 1U);
    const double x = static_cast<double>(value);
    // Beyond the largest number comes 2¹²⁸ for this purpose, as IEEE 754 has it.
    const double next = std::isfinite(from_bfloat16(above)) ? static_cast<double>(from_bfloat16(above))
                                                            : std::copysign(std::ldexp(1.0, 128), x);
    const double to_below = std::abs(x - static_cast<double>(from_bfloat16(below)));
    const double to_above = std::abs(next - x);
    const bool takes_below = to_below < to_above || (to_below == to_above && below % 2 == 0);
    REQUIRE(to_bfloat16(value) == (takes_below ? below : above));
  }
}

TEST_CASE("what bfloat16 holds comes back, infinity and NaN too", "[bfloat16]") {
  for (std::uint32_t i = 0; i < 65'536; ++i) {
    const auto half = static_cast<std::uint16_t>(i);
    const float value = from_bfloat16(half);
    if (std::isnan(value)) {
      REQUIRE(std::isnan(from_bfloat16(to_bfloat16(value))));
    } else {
      REQUIRE(to_bfloat16(value) == half);
    }
  }
  CHECK(std::isnan(from_bfloat16(to_bfloat16(std::bit_cast<float>(0x7f800001U)))));  // its digits are all below
  CHECK(from_bfloat16(to_bfloat16(std::numeric_limits<float>::max())) == std::numeric_limits<float>::infinity());
}
