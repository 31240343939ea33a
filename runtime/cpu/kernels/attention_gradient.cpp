// AttentionGrad: the scores are made again block by block from Q, K and the saved log-sum-exp (Dao et al., NeurIPS
// 2022, algorithm 4). A part is one key head with the query heads that share it, so that no two parts add to one
// element.
#include <algorithm>
#include <cstdint>
#include <vector>

#include "runtime/cpu/gemm.hpp"
#include "runtime/cpu/kernels/attention.hpp"
#include "runtime/cpu/kernels/kernels.hpp"
#include "runtime/cpu/simd.hpp"
#include "runtime/cpu/sums.hpp"

namespace mp::runtime::cpu {
namespace {

struct Tensors {
  const float* dy;
  const float* q;
  const float* k;
  const float* v;
  const float* y;
  const float* log_sum_exp;
  float* dq;
  float* dk;
  float* dv;
  const void* mask;
};

// Of one worker.
struct WorkerScratch {
  float* weights;       // [kQueryBlock × kKeyBlock]: the softmax
  float* gradients;     // [kQueryBlock × kKeyBlock]: of the weights, then of the scores
  float* dot_products;  // [group × queries]: Σ dY·Y of every query
};

// One row: weights ← e^(score − log-sum-exp), gradients ← weights·(gradients − Σ dY·Y); nothing beyond what is seen.
MP_SIMD void score_gradient_row(float* weights, float* gradients, float log_sum_exp, float dot_product,
                                std::int64_t seen, std::int64_t columns) {
  for (std::int64_t j = 0; j < seen; ++j) {
    weights[j] = simd::exp(weights[j] - log_sum_exp);
    gradients[j] = weights[j] * (gradients[j] - dot_product);
  }
  for (std::int64_t j = seen; j < columns; ++j) weights[j] = gradients[j] = 0.0F;
}

class HeadGradient {
 public:
  HeadGradient(const AttentionShape& shape, const AttentionMaskView& mask, const Tensors& tensors,
               const WorkerScratch& scratch, std::int64_t batch, std::int64_t key_head)
      : s_(shape), mask_(mask), t_(tensors), scratch_(scratch), b_(batch), key_head_(key_head) {}

  void run() {
    for (std::int64_t g = 0; g < s_.group(); ++g) find_dot_products(g);
    for (std::int64_t key = 0; key < s_.keys; key += kKeyBlock) {
      const std::int64_t columns = std::min(kKeyBlock, s_.keys - key);
      bool is_first = true;
      for (std::int64_t g = 0; g < s_.group(); ++g) {
        for (std::int64_t query = 0; query < s_.queries; query += kQueryBlock) {
          const std::int64_t rows = std::min(kQueryBlock, s_.queries - query);
          if (s_.visible(query + rows - 1) <= key) continue;
          add_block({query, rows, key, columns}, g, is_first);
          is_first = false;
        }
      }
      if (is_first) clear_keys(key, columns);  // keys that no query sees
    }
  }

 private:
  [[nodiscard]] std::int64_t head(std::int64_t g) const { return key_head_ * s_.group() + g; }

  void find_dot_products(std::int64_t g) {
    for (std::int64_t i = 0; i < s_.queries; ++i) {
      const std::int64_t at = s_.output_at(b_, head(g), i);
      scratch_.dot_products[g * s_.queries + i] = static_cast<float>(dot(t_.dy + at, t_.y + at, s_.value_depth));
    }
  }

  void find_score_gradients(const ScoreBlock& block, std::int64_t g) {
    score_block(s_, block, t_.q + s_.query_at(b_, head(g), block.query), t_.k + s_.key_at(b_, key_head_, block.key),
                scratch_.weights);
    mask_block(mask_, block, b_, head(g), t_.mask, scratch_.weights);
    Gemm product{.transpose_b = true, .m = block.rows, .n = block.columns, .k = s_.value_depth};
    product.a = t_.dy + s_.output_at(b_, head(g), block.query);
    product.lda = s_.output_stride();
    product.b = t_.v + s_.value_at(b_, key_head_, block.key);
    product.ldb = s_.value_stride();
    product.c = scratch_.gradients;
    product.ldc = kKeyBlock;
    gemm(product);
    for (std::int64_t row = 0; row < block.rows; ++row) {
      const std::int64_t query = block.query + row;
      score_gradient_row(scratch_.weights + row * kKeyBlock, scratch_.gradients + row * kKeyBlock,
                         t_.log_sum_exp[s_.statistic_at(b_, head(g), query)],
                         scratch_.dot_products[g * s_.queries + query],
                         std::clamp<std::int64_t>(s_.visible(query) - block.key, 0, block.columns), block.columns);
    }
  }

  void add_block(const ScoreBlock& block, std::int64_t g, bool is_first) {
    find_score_gradients(block, g);
    const std::int64_t query = s_.query_at(b_, head(g), block.query);
    const std::int64_t key = s_.key_at(b_, key_head_, block.key);
    // dV += Pᵀ·dY
    Gemm values{.transpose_a = true, .m = block.columns, .n = s_.value_depth, .k = block.rows};
    values.a = scratch_.weights;
    values.lda = kKeyBlock;
    values.b = t_.dy + s_.output_at(b_, head(g), block.query);
    values.ldb = s_.output_stride();
    values.beta = is_first ? 0.0F : 1.0F;
    values.c = t_.dv + s_.value_at(b_, key_head_, block.key);
    values.ldc = s_.value_stride();
    gemm(values);
    // dK += scale·dSᵀ·Q
    Gemm keys{.transpose_a = true, .m = block.columns, .n = s_.depth, .k = block.rows, .alpha = s_.scale};
    keys.a = scratch_.gradients;
    keys.lda = kKeyBlock;
    keys.b = t_.q + query;
    keys.ldb = s_.query_stride();
    keys.beta = is_first ? 0.0F : 1.0F;
    keys.c = t_.dk + key;
    keys.ldc = s_.key_stride();
    gemm(keys);
    // dQ += scale·dS·K
    Gemm queries{.m = block.rows, .n = s_.depth, .k = block.columns, .alpha = s_.scale};
    queries.a = scratch_.gradients;
    queries.lda = kKeyBlock;
    queries.b = t_.k + key;
    queries.ldb = s_.key_stride();
    queries.beta = block.key == 0 ? 0.0F : 1.0F;
    queries.c = t_.dq + query;
    queries.ldc = s_.query_stride();
    gemm(queries);
  }

  void clear_keys(std::int64_t key, std::int64_t columns) {
    for (std::int64_t j = key; j < key + columns; ++j) {
      std::fill_n(t_.dk + s_.key_at(b_, key_head_, j), s_.depth, 0.0F);
      std::fill_n(t_.dv + s_.value_at(b_, key_head_, j), s_.value_depth, 0.0F);
    }
  }

  const AttentionShape& s_;
  const AttentionMaskView& mask_;
  const Tensors& t_;
  const WorkerScratch& scratch_;
  std::int64_t b_;
  std::int64_t key_head_;
};

// A gradient nobody wants is still made, here.
struct Unwanted {
  std::vector<float> q, k, v;
};

}  // namespace

KernelPointer make_attention_grad(const KernelCall& call) {
  const AttentionShape shape = attention_shape(call, 1);
  const AttentionMaskView mask = attention_mask(call, 6, shape);
  const std::int64_t block = kQueryBlock * kKeyBlock;
  const std::int64_t per_worker = 2 * block + shape.group() * shape.queries;
  std::vector<float> scratch(static_cast<std::size_t>(per_worker * call.team.threads()));
  Unwanted unwanted;
  if (!call.has_output(0)) unwanted.q.resize(static_cast<std::size_t>(elements(call.input(1).shape)));
  if (!call.has_output(1)) unwanted.k.resize(static_cast<std::size_t>(elements(call.input(2).shape)));
  if (!call.has_output(2)) unwanted.v.resize(static_cast<std::size_t>(elements(call.input(3).shape)));
  const auto workspace = static_cast<std::int64_t>(
      (scratch.size() + unwanted.q.size() + unwanted.k.size() + unwanted.v.size()) * sizeof(float));
  return function_kernel(
      [&team = call.team, shape, mask, scratch, unwanted, block, per_worker](const Operands& io) mutable {
        const Tensors tensors{io.in(0),
                              io.in(1),
                              io.in(2),
                              io.in(3),
                              io.in(4),
                              io.in(5),
                              unwanted.q.empty() ? io.out(0) : unwanted.q.data(),
                              unwanted.k.empty() ? io.out(1) : unwanted.k.data(),
                              unwanted.v.empty() ? io.out(2) : unwanted.v.data(),
                              io.in<void>(6)};
        team.for_each(shape.batch * shape.key_heads, [&](std::int64_t part, int worker) {
          float* mine = scratch.data() + per_worker * worker;
          const WorkerScratch places{mine, mine + block, mine + 2 * block};
          HeadGradient(shape, mask, tensors, places, part / shape.key_heads, part % shape.key_heads).run();
        });
      },
      workspace);
}

}  // namespace mp::runtime::cpu
