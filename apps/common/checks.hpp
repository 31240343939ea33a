// What flags take, where CLI11's own checks let nonsense pass or name limits nobody reads.
#pragma once

#include "apps/common/command_line.hpp"

namespace mp::apps {

// A number of seconds above 0 ("nan" and "inf" are none).
[[nodiscard]] CLI::Validator positive_seconds();

// A finite number of 0 or more; above 0; from `low` to `high`, both of them included.
[[nodiscard]] CLI::Validator not_negative();
[[nodiscard]] CLI::Validator positive();
[[nodiscard]] CLI::Validator between(double low, double high);

// A whole number from 0 to 2⁶⁴ − 1: CLI11 takes -1 for the largest, and anything larger, too.
[[nodiscard]] CLI::Validator seed_number();

}  // namespace mp::apps
