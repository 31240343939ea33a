#include "runtime/cpu/bfloat16/convert.hpp"

#include "lib/base/bfloat16.hpp"
#include "runtime/cpu/kernel_call.hpp"
#include "runtime/cpu/simd.hpp"

namespace mp::runtime::cpu {

MP_SIMD void widen(const std::uint16_t* from, float* to, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) to[i] = from_bfloat16(from[i]);
}

MP_SIMD void narrow(const float* from, std::uint16_t* to, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) to[i] = to_bfloat16(from[i]);
}

void widen(Team& team, const std::uint16_t* from, float* to, std::int64_t count) {
  team.for_range(count, kElementwiseGrain,
                 [&](std::int64_t begin, std::int64_t end) { widen(from + begin, to + begin, end - begin); });
}

void narrow(Team& team, const float* from, std::uint16_t* to, std::int64_t count) {
  team.for_range(count, kElementwiseGrain,
                 [&](std::int64_t begin, std::int64_t end) { narrow(from + begin, to + begin, end - begin); });
}

}  // namespace mp::runtime::cpu
