// Times as the compiler counts them: whole picoseconds, so that sums are exact.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

namespace mp {

[[nodiscard]] inline std::int64_t to_picoseconds(double seconds) {
  constexpr double kPicosecondsPerSecond = 1e12;
  constexpr double kLongestSeconds = 1e4;  // keeps sums inside 63 bits
  return std::llround(std::min(seconds, kLongestSeconds) * kPicosecondsPerSecond);
}

}  // namespace mp
