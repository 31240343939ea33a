// Code for both sides: functions that nvcc compiles for the device and every C++ compiler for the host.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>

#ifdef __CUDACC__
#define MP_HD __host__ __device__
#else
#define MP_HD
#endif

namespace mp::runtime::gpu {

// The largest float32 value's next: what a maximum starts below.
inline constexpr float kInfinity = HUGE_VALF;

// A bfloat16 is the upper half of a float32.
MP_HD inline float from_bfloat16(std::uint16_t bits) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16U);
}

// Rounded to the nearest, ties to even; a NaN stays one.
MP_HD inline std::uint16_t to_bfloat16(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  if ((bits & 0x7fffffffU) > 0x7f800000U) return static_cast<std::uint16_t>((bits >> 16U) | 0x40U);
  return static_cast<std::uint16_t>((bits + 0x7fffU + ((bits >> 16U) & 1U)) >> 16U);
}

// Numbers in memory, float32 or bfloat16; read as float32.
struct ConstReals {
  const void* data = nullptr;
  bool is_bfloat16 = false;

  MP_HD float operator[](std::int64_t i) const {
    return is_bfloat16 ? from_bfloat16(static_cast<const std::uint16_t*>(data)[i]) : static_cast<const float*>(data)[i];
  }
  MP_HD explicit operator bool() const { return data != nullptr; }
};

struct Reals {
  void* data = nullptr;
  bool is_bfloat16 = false;

  MP_HD float operator[](std::int64_t i) const { return ConstReals{data, is_bfloat16}[i]; }
  MP_HD void set(std::int64_t i, float value) const {
    if (is_bfloat16) {
      static_cast<std::uint16_t*>(data)[i] = to_bfloat16(value);
    } else {
      static_cast<float*>(data)[i] = value;
    }
  }
  MP_HD explicit operator bool() const { return data != nullptr; }
};

MP_HD inline std::int64_t least(std::int64_t a, std::int64_t b) { return a < b ? a : b; }
MP_HD inline std::int64_t most(std::int64_t a, std::int64_t b) { return a < b ? b : a; }
MP_HD inline std::int64_t divide_up(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

// Quotient and rest. 64-bit division costs a GPU five times the 32-bit one, and nearly all numbers are small.
struct Division {
  std::int64_t quotient;
  std::int64_t rest;
};
MP_HD inline Division divide(std::int64_t a, std::int64_t b) {
  if (((a | b) >> 32) == 0) {
    const auto x = static_cast<std::uint32_t>(a);
    const auto y = static_cast<std::uint32_t>(b);
    return {static_cast<std::int64_t>(x / y), static_cast<std::int64_t>(x % y)};
  }
  return {a / b, a % b};
}

}  // namespace mp::runtime::gpu
