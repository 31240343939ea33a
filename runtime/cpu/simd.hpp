// Loops the compiler turns into vector instructions, and float32 functions written so that it can.
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>

// A function with MP_SIMD is compiled for AVX-512, AVX2 and plain x86-64, the best chosen when the program starts.
// Everything it calls must be MP_INLINE, to be compiled along with it. Sanitizers do not understand the choice.
#if defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) && !defined(__clang__)
#define MP_SIMD __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define MP_SIMD
#endif
#define MP_INLINE [[gnu::always_inline]] inline

namespace mp::runtime::cpu::simd {

// e^x. Cody–Waite reduction x = n·ln 2 + r, |r| ≤ ln 2 / 2; Taylor to r⁷ (remainder below 6e−9). Relative error below
// 2 ulp; 0 below −87.3 and +Inf above 88.7, as float32 has it (no denormals).
MP_INLINE float exp(float x) {
  constexpr float kRound = 12582912.0F;  // 1.5 · 2²³: adding it leaves an integer in the low bits
  const float clamped = std::min(std::max(x, -87.33654F), 88.72283F);
  const float shifted = clamped * 1.44269504F + kRound;
  const float n = shifted - kRound;
  const float r = (clamped - n * 0.693359375F) + n * 2.12194440e-4F;
  float p = 1.0F / 5040.0F;
  p = p * r + 1.0F / 720.0F;
  p = p * r + 1.0F / 120.0F;
  p = p * r + 1.0F / 24.0F;
  p = p * r + 1.0F / 6.0F;
  p = p * r + 0.5F;
  p = p * r * r + r + 1.0F;
  // 2ⁿ in two factors: n = 128 has no exponent of its own.
  const std::int32_t exponent = static_cast<std::int32_t>(n);
  const std::int32_t half = exponent >> 1;
  const float scale_a = std::bit_cast<float>((half + 127) << 23);
  const float scale_b = std::bit_cast<float>((exponent - half + 127) << 23);
  const float value = p * scale_a * scale_b;
  const float low = x < -87.33654F ? 0.0F : value;
  const float high = x > 88.72283F ? HUGE_VALF : low;
  return x != x ? x : high;
}

// e^x − 1 without cancellation near 0: Taylor to x⁹ where |x| < ½ (3e−10 relative).
MP_INLINE float expm1(float x) {
  float p = 1.0F / 362880.0F;
  p = p * x + 1.0F / 40320.0F;
  p = p * x + 1.0F / 5040.0F;
  p = p * x + 1.0F / 720.0F;
  p = p * x + 1.0F / 120.0F;
  p = p * x + 1.0F / 24.0F;
  p = p * x + 1.0F / 6.0F;
  p = p * x + 0.5F;
  p = p * x * x + x;
  const float far = exp(x) - 1.0F;
  return std::fabs(x) < 0.5F ? p : far;
}

// ln x of x > 0: x = m · 2ᵉ with m in [√½, √2); ln m = 2·artanh s, s = (m − 1) / (m + 1), as its series to s¹¹.
// −Inf at 0, NaN below, +Inf at +Inf. Denormals count as 0.
MP_INLINE float log(float x) {
  const auto shifted = std::bit_cast<std::uint32_t>(x) - 0x3f3504f3U;  // bits of √½; wraps around for x < 0
  const std::int32_t e = static_cast<std::int32_t>(shifted) >> 23;
  const float m = std::bit_cast<float>((shifted & 0x007fffffU) + 0x3f3504f3U);
  const float s = (m - 1.0F) / (m + 1.0F);
  const float z = s * s;
  float p = 2.0F / 11.0F;
  p = p * z + 2.0F / 9.0F;
  p = p * z + 2.0F / 7.0F;
  p = p * z + 2.0F / 5.0F;
  p = p * z + 2.0F / 3.0F;
  const float ef = static_cast<float>(e);
  const float value = ef * 0.693359375F + (s * z * p + (2.0F * s - ef * 2.12194440e-4F));
  const float finite = x < 1.17549435e-38F ? -HUGE_VALF : value;
  const float large = x == HUGE_VALF ? x : finite;
  return x < 0.0F || x != x ? NAN : large;
}

MP_INLINE float sigmoid(float x) { return 1.0F / (1.0F + exp(-x)); }

// Chebyshev fit of tanh(x)/x in x² below 0.625 (4e−9 relative); 1 − 2/(e²ˣ + 1) above.
MP_INLINE float tanh(float x) {
  const float a = std::fabs(x);
  const float z = x * x;
  float p = -0.005657135184F;
  p = p * z + 0.02058819145F;
  p = p * z + -0.05372010766F;
  p = p * z + 0.1333111406F;
  p = p * z + -0.3333325986F;
  p = p * z + 0.999999996F;
  const float large = 1.0F - 2.0F / (exp(2.0F * a) + 1.0F);
  return a < 0.625F ? x * p : std::copysign(large, x);
}

// Chebyshev fits: of erf(x)/x in x² below 1 (1.3e−9 relative), of ln erfc(x) on [1, 4] (5e−10 absolute in erf).
MP_INLINE float erf(float x) {
  const float a = std::min(std::fabs(x), 4.0F);
  const float z = a * a;
  float p = 7.875875063e-5F;
  p = p * z + -0.0008016864287F;
  p = p * z + 0.005189087423F;
  p = p * z + -0.02685421201F;
  p = p * z + 0.1128359472F;
  p = p * z + -0.3761262667F;
  p = p * z + 1.128379166F;
  float q = 1.637151415e-6F;
  q = q * a + -4.605804269e-5F;
  q = q * a + 0.0005968056257F;
  q = q * a + -0.004759596293F;
  q = q * a + 0.02642113601F;
  q = q * a + -0.1100800829F;
  q = q * a + -0.6318260516F;
  q = q * a + -1.130233435F;
  q = q * a + 0.0003201380497F;
  const float large = std::copysign(1.0F - exp(q), x);
  const float value = a < 1.0F ? x * p : large;
  return x != x ? x : value;
}

}  // namespace mp::runtime::cpu::simd
