// What attention and its gradient share: the heads' places in the tensors, and the blocks of scores.
#pragma once

#include <algorithm>
#include <cstdint>

#include "runtime/cpu/kernel_call.hpp"
#include "runtime/semantics/attention_sizes.hpp"

namespace mp::runtime::cpu {

// Scores are made for a block of queries and a block of keys at a time: memory does not grow with the sequence.
inline constexpr std::int64_t kQueryBlock = 128;
inline constexpr std::int64_t kKeyBlock = 256;

// … with the places of its heads in the tensors.
struct AttentionShape : AttentionSizes {
  std::int64_t before = 0;  // keys in front of the first query's own, which causal queries see, too

  [[nodiscard]] std::int64_t group() const { return query_heads / key_heads; }  // query heads that share a key head
  [[nodiscard]] std::int64_t query_stride() const { return query_heads * depth; }
  [[nodiscard]] std::int64_t key_stride() const { return key_heads * depth; }
  [[nodiscard]] std::int64_t value_stride() const { return key_heads * value_depth; }
  [[nodiscard]] std::int64_t output_stride() const { return query_heads * value_depth; }

  [[nodiscard]] std::int64_t query_at(std::int64_t b, std::int64_t head, std::int64_t i) const {
    return (b * queries + i) * query_stride() + head * depth;
  }
  [[nodiscard]] std::int64_t key_at(std::int64_t b, std::int64_t head, std::int64_t j) const {
    return (b * keys + j) * key_stride() + head * depth;
  }
  [[nodiscard]] std::int64_t value_at(std::int64_t b, std::int64_t head, std::int64_t j) const {
    return (b * keys + j) * value_stride() + head * value_depth;
  }
  [[nodiscard]] std::int64_t output_at(std::int64_t b, std::int64_t head, std::int64_t i) const {
    return (b * queries + i) * output_stride() + head * value_depth;
  }
  [[nodiscard]] std::int64_t statistic_at(std::int64_t b, std::int64_t head, std::int64_t i) const {
    return (b * query_heads + head) * queries + i;
  }
  // Keys that query i sees: 0 … visible − 1.
  [[nodiscard]] std::int64_t visible(std::int64_t i) const { return is_causal ? std::min(keys, before + i + 1) : keys; }
};

// `first`: position of Q among the node's inputs, K and V behind it.
[[nodiscard]] AttentionShape attention_shape(const KernelCall& call, std::size_t first);

// One block of scores: queries [query, query + rows), keys [key, key + columns).
struct ScoreBlock {
  std::int64_t query = 0;
  std::int64_t rows = 0;
  std::int64_t key = 0;
  std::int64_t columns = 0;
};

// scores[rows × kKeyBlock] ← scale · Q · Kᵀ of the block; nothing masked yet.
void score_block(const AttentionShape& shape, const ScoreBlock& block, const float* queries, const float* keys,
                 float* scores);

struct AttentionTensors {
  const float* q = nullptr;
  const float* k = nullptr;
  const float* v = nullptr;
  float* y = nullptr;
  float* log_sum_exp = nullptr;  // may be null
  const void* mask = nullptr;
};

// Attention of all heads, shared out over the team. `scratch` has attention_scratch() floats.
void attend(Team& team, const AttentionShape& shape, const AttentionMaskView& mask, const AttentionTensors& tensors,
            float* scratch);
[[nodiscard]] inline std::size_t attention_scratch(const Team& team) {
  return static_cast<std::size_t>(kQueryBlock * kKeyBlock * team.threads());
}

// Adds the mask's numbers to a block of scores of one head: −Inf where a bool mask says false.
void mask_block(const AttentionMaskView& mask, const ScoreBlock& block, std::int64_t batch, std::int64_t head,
                const void* values, float* scores);

}  // namespace mp::runtime::cpu
