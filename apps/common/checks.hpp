// What flags take, where CLI11's own checks let nonsense pass or name limits nobody reads.
#pragma once

#include "apps/common/command_line.hpp"

namespace mp::apps {

// A number of seconds above 0 ("nan" and "inf" are none).
[[nodiscard]] CLI::Validator positive_seconds();

// A whole number from 0 to 2⁶⁴ − 1: CLI11 takes -1 for the largest, and anything larger, too.
[[nodiscard]] CLI::Validator seed_number();

}  // namespace mp::apps
