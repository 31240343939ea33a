#include <cmath>
#include <cstdint>

#include "runtime/cpu/index.hpp"
#include "runtime/cpu/kernels/attention.hpp"

namespace mp::runtime::cpu {

void mask_block(const AttentionMaskView& mask, const ScoreBlock& block, std::int64_t batch, std::int64_t head,
                const void* values, float* scores) {
  if (!mask.exists) return;
  const std::int64_t step = mask.strides[3];
  for (std::int64_t row = 0; row < block.rows; ++row) {
    const std::int64_t first =
        batch * mask.strides[0] + head * mask.strides[1] + (block.query + row) * mask.strides[2] + block.key * step;
    float* to = scores + row * kKeyBlock;
    if (mask.is_bool) {
      const auto* from = static_cast<const std::uint8_t*>(values) + first;
      for (std::int64_t j = 0; j < block.columns; ++j) to[j] = from[j * step] != 0 ? to[j] : -HUGE_VALF;
    } else {
      const auto* from = static_cast<const float*>(values) + first;
      for (std::int64_t j = 0; j < block.columns; ++j) to[j] += from[j * step];
    }
  }
}

}  // namespace mp::runtime::cpu
