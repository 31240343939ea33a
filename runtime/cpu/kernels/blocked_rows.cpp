#include "runtime/cpu/kernels/blocked_rows.hpp"

#include "runtime/cpu/simd.hpp"

namespace mp::runtime::cpu {

MP_SIMD void add_block_products(const float* a, const float* b, std::int64_t n, BlockSums& sums) {
  double first[kChannelBlock];
  double second[kChannelBlock];
  for (std::size_t c = 0; c < kChannelBlock; ++c) {
    first[c] = sums.first[c];
    second[c] = sums.second[c];
  }
  for (std::int64_t i = 0; i < n; ++i) {
    for (std::size_t c = 0; c < kChannelBlock; ++c) {
      const double value = static_cast<double>(a[i * kChannelBlock + static_cast<std::int64_t>(c)]);
      first[c] += value;
      second[c] += value * static_cast<double>(b[i * kChannelBlock + static_cast<std::int64_t>(c)]);
    }
  }
  for (std::size_t c = 0; c < kChannelBlock; ++c) {
    sums.first[c] = first[c];
    sums.second[c] = second[c];
  }
}

MP_SIMD void affine_block(const float* __restrict x, const float* __restrict factor, const float* __restrict shift,
                          float* __restrict y, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) {
    for (std::int64_t c = 0; c < kChannelBlock; ++c) {
      y[i * kChannelBlock + c] = factor[c] * x[i * kChannelBlock + c] + shift[c];
    }
  }
}

MP_SIMD void input_gradient_block(const float* __restrict dy, const float* __restrict x, const BlockConstants& k,
                                  float* __restrict dx, std::int64_t n) {
  const float* mean = k[0].data();
  const float* outer = k[1].data();
  const float* shift = k[2].data();
  const float* slope = k[3].data();
  for (std::int64_t i = 0; i < n; ++i) {
    for (std::int64_t c = 0; c < kChannelBlock; ++c) {
      const std::int64_t at = i * kChannelBlock + c;
      dx[at] = outer[c] * (dy[at] - shift[c] - (x[at] - mean[c]) * slope[c]);
    }
  }
}

}  // namespace mp::runtime::cpu
