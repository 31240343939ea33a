// Rows of bfloat16 (lib/base/bfloat16.hpp), as fast as memory.
#pragma once

#include <cstdint>

#include "runtime/cpu/team.hpp"

namespace mp::runtime::cpu {

// Exact.
void widen(const std::uint16_t* from, float* to, std::int64_t count);
// Rounded to nearest, ties to even.
void narrow(const float* from, std::uint16_t* to, std::int64_t count);

// The same, shared out over the team.
void widen(Team& team, const std::uint16_t* from, float* to, std::int64_t count);
void narrow(Team& team, const float* from, std::uint16_t* to, std::int64_t count);

}  // namespace mp::runtime::cpu
