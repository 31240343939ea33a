// Loops over images of one block of channels: `n` pixels of kChannelBlock floats.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "runtime/cpu/layout.hpp"

namespace mp::runtime::cpu {

using BlockConstants = std::array<std::array<float, kChannelBlock>, 4>;  // [constant][channel]

struct BlockSums {
  std::array<double, kChannelBlock> first{};   // Σ a of each channel
  std::array<double, kChannelBlock> second{};  // Σ a·b
};
void add_block_products(const float* a, const float* b, std::int64_t n, BlockSums& sums);

// y ← factor·x + shift
void affine_block(const float* x, const float* factor, const float* shift, float* y, std::int64_t n);

// dX ← outer·(dY − shift − (x − mean)·slope) with constants {mean, outer, shift, slope}
void input_gradient_block(const float* dy, const float* x, const BlockConstants& k, float* dx, std::int64_t n);

}  // namespace mp::runtime::cpu
