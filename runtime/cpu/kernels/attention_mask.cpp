#include <cmath>
#include <cstdint>

#include "runtime/cpu/index.hpp"
#include "runtime/cpu/kernels/attention.hpp"

namespace mp::runtime::cpu {

AttentionMask attention_mask(const KernelCall& call, std::size_t input, const AttentionShape& shape) {
  AttentionMask mask;
  if (!call.has_input(input)) return mask;
  mask.exists = true;
  mask.is_bool = call.input(input).type == DataType::kBool;
  const std::vector<std::int64_t> strides =
      broadcast_strides(call.input(input).shape, {shape.batch, shape.query_heads, shape.queries, shape.keys});
  std::copy(strides.begin(), strides.end(), mask.strides.begin());
  return mask;
}

void mask_block(const AttentionMask& mask, const ScoreBlock& block, std::int64_t batch, std::int64_t head,
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
