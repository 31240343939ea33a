#include "runtime/cpu/sums.hpp"

#include <array>
#include <cmath>

#include "runtime/cpu/simd.hpp"

namespace mp::runtime::cpu {
namespace {

constexpr std::int64_t kLanes = 16;

// Σ term(i), in kLanes interleaved partial sums folded in order.
template <class Term>
MP_INLINE double lanes_sum(std::int64_t count, Term term) {
  std::array<double, kLanes> lanes{};
  std::int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    for (std::int64_t lane = 0; lane < kLanes; ++lane) lanes[static_cast<std::size_t>(lane)] += term(i + lane);
  }
  double total = 0.0;
  for (; i < count; ++i) total += term(i);
  for (const double lane : lanes) total += lane;
  return total;
}

}  // namespace

MP_SIMD double sum(const float* x, std::int64_t count) {
  return lanes_sum(count, [x](std::int64_t i) { return static_cast<double>(x[i]); });
}

MP_SIMD double sum_of_squares(const float* x, std::int64_t count) {
  return lanes_sum(count, [x](std::int64_t i) { return static_cast<double>(x[i]) * static_cast<double>(x[i]); });
}

MP_SIMD double dot(const float* x, const float* y, std::int64_t count) {
  return lanes_sum(count, [x, y](std::int64_t i) { return static_cast<double>(x[i]) * static_cast<double>(y[i]); });
}

MP_SIMD double sum_of_square_deviations(const float* x, double center, std::int64_t count) {
  return lanes_sum(count, [x, center](std::int64_t i) {
    const double deviation = static_cast<double>(x[i]) - center;
    return deviation * deviation;
  });
}

MP_SIMD float maximum(const float* x, std::int64_t count) {
  float lanes[kLanes];
  for (float& lane : lanes) lane = -HUGE_VALF;
  std::int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    for (std::int64_t lane = 0; lane < kLanes; ++lane)
      lanes[lane] = x[i + lane] > lanes[lane] ? x[i + lane] : lanes[lane];
  }
  float total = -HUGE_VALF;
  for (; i < count; ++i) total = x[i] > total ? x[i] : total;
  for (const float lane : lanes) total = lane > total ? lane : total;
  return total;
}

MP_SIMD void add_to(double* sums, const float* x, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) sums[i] += static_cast<double>(x[i]);
}

}  // namespace mp::runtime::cpu
