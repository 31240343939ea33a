// Attention, block by block with a running maximum and sum: Rabe, Staats, "Self-attention does not need O(n²) memory",
// 2021; Dao et al., "FlashAttention", NeurIPS 2022. A part is one block of queries of one head.
#include "runtime/cpu/kernels/attention.hpp"

#include <array>
#include <cmath>
#include <cstdint>
#include <vector>

#include "runtime/cpu/gemm.hpp"
#include "runtime/cpu/kernels/kernels.hpp"
#include "runtime/cpu/simd.hpp"
#include "runtime/cpu/sums.hpp"

namespace mp::runtime::cpu {
namespace {

MP_SIMD void exponentials(float* x, float most, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) x[i] = simd::exp(x[i] - most);
}

MP_SIMD void multiply(float* x, float factor, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) x[i] *= factor;
}

// A query's softmax so far: largest score seen, and the sum of e^(score − largest).
struct Running {
  float most = -HUGE_VALF;
  double total = 0.0;
};

// Turns a row of scores into weights relative to the new maximum, and scales what was summed up to now to it.
void absorb_row(float* scores, std::int64_t seen, std::int64_t columns, Running& running, float* y,
                std::int64_t depth) {
  const float most = std::max(running.most, maximum(scores, seen));
  std::fill(scores + seen, scores + columns, 0.0F);
  if (most == -HUGE_VALF && (seen == 0 || sum(scores, seen) == -HUGE_VAL)) {  // nothing but −Inf: no weight yet
    std::fill_n(scores, seen, 0.0F);
    return;
  }
  if (running.total > 0.0 && most != running.most) {
    const float shrink = std::exp(running.most - most);
    running.total *= static_cast<double>(shrink);
    multiply(y, shrink, depth);
  }
  running.most = most;
  exponentials(scores, most, seen);
  running.total += sum(scores, seen);
}

void attend_block(const AttentionShape& shape, const AttentionMaskView& mask, const AttentionTensors& t, std::int64_t b,
                  std::int64_t head, std::int64_t query, float* scores) {
  const std::int64_t key_head = head / shape.group();
  const std::int64_t rows = std::min(kQueryBlock, shape.queries - query);
  std::array<Running, kQueryBlock> running;
  float* y = t.y + shape.output_at(b, head, query);
  const std::int64_t last = shape.visible(query + rows - 1);
  for (std::int64_t key = 0; key < last; key += kKeyBlock) {
    const ScoreBlock block{query, rows, key, std::min(kKeyBlock, last - key)};
    score_block(shape, block, t.q + shape.query_at(b, head, query), t.k + shape.key_at(b, key_head, key), scores);
    mask_block(mask, block, b, head, t.mask, scores);
    for (std::int64_t row = 0; row < rows; ++row) {
      const std::int64_t seen = std::clamp<std::int64_t>(shape.visible(query + row) - key, 0, block.columns);
      absorb_row(scores + row * kKeyBlock, seen, block.columns, running[static_cast<std::size_t>(row)],
                 y + row * shape.output_stride(), shape.value_depth);
    }
    Gemm product{.m = rows, .n = shape.value_depth, .k = block.columns};
    product.a = scores;
    product.lda = kKeyBlock;
    product.b = t.v + shape.value_at(b, key_head, key);
    product.ldb = shape.value_stride();
    product.beta = key == 0 ? 0.0F : 1.0F;
    product.c = y;
    product.ldc = shape.output_stride();
    gemm(product);
  }
  for (std::int64_t row = 0; row < rows; ++row) {
    const Running& r = running[static_cast<std::size_t>(row)];
    multiply(y + row * shape.output_stride(), r.total > 0.0 ? static_cast<float>(1.0 / r.total) : 0.0F,
             shape.value_depth);
    if (t.log_sum_exp != nullptr) {
      // A query that may look at nothing has no weights: +Inf makes them 0 in the gradient, too.
      const double log_sum = r.total > 0.0 ? static_cast<double>(r.most) + std::log(r.total) : HUGE_VAL;
      t.log_sum_exp[shape.statistic_at(b, head, query + row)] = static_cast<float>(log_sum);
    }
  }
}

}  // namespace

AttentionShape attention_shape(const KernelCall& call, std::size_t first) {
  if (call.input(first).type != DataType::kFloat32) call.refuse_type(call.input(first).type);
  return {attention_sizes(call, first)};
}

void score_block(const AttentionShape& shape, const ScoreBlock& block, const float* queries, const float* keys,
                 float* scores) {
  Gemm product{.transpose_b = true, .m = block.rows, .n = block.columns, .k = shape.depth, .alpha = shape.scale};
  product.a = queries;
  product.lda = shape.query_stride();
  product.b = keys;
  product.ldb = shape.key_stride();
  product.c = scores;
  product.ldc = kKeyBlock;
  gemm(product);
}

void attend(Team& team, const AttentionShape& shape, const AttentionMaskView& mask, const AttentionTensors& tensors,
            float* scratch) {
  const std::int64_t blocks = (shape.queries + kQueryBlock - 1) / kQueryBlock;
  team.for_each(shape.batch * shape.query_heads * blocks, [&](std::int64_t part, int worker) {
    const std::int64_t head = part / blocks % shape.query_heads;
    attend_block(shape, mask, tensors, part / blocks / shape.query_heads, head, part % blocks * kQueryBlock,
                 scratch + kQueryBlock * kKeyBlock * worker);
  });
}

KernelPointer make_attention(const KernelCall& call) {
  const AttentionShape shape = attention_shape(call, 0);
  const AttentionMaskView mask = attention_mask(call, 3, shape);
  std::vector<float> scratch(attention_scratch(call.team));
  const auto workspace = static_cast<std::int64_t>(scratch.size() * sizeof(float));
  return function_kernel(
      [&team = call.team, shape, mask, scratch](const Operands& io) mutable {
        attend(team, shape, mask, {io.in(0), io.in(1), io.in(2), io.out(0), io.out(1), io.in<void>(3)},
               scratch.data());
      },
      workspace);
}

}  // namespace mp::runtime::cpu
