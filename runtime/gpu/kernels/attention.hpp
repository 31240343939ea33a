// What attention does between its matrix products: softmax of a block of scores, and its gradient.
#pragma once

#include <cmath>
#include <cstdint>

#include "runtime/gpu/portable.hpp"
#include "runtime/semantics/attention_sizes.hpp"

namespace mp::runtime::gpu {

// … with what the device asks of them.
struct AttentionShape : AttentionSizes {
  MP_HD std::int64_t group() const { return query_heads / key_heads; }  // query heads that share a key head
  MP_HD std::int64_t output_stride() const { return query_heads * value_depth; }
  // Keys that query i sees: 0 … visible − 1.
  MP_HD std::int64_t visible(std::int64_t i) const { return is_causal ? least(keys, i + 1) : keys; }
};

// A bool or real tensor broadcast to [batch, heads, queries, keys]; no mask: nothing is added.
struct AttentionMask {
  const std::uint8_t* is_seen = nullptr;
  ConstReals added{};
  std::int64_t strides[4] = {};

  MP_HD float apply(std::int64_t b, std::int64_t head, std::int64_t query, std::int64_t key, float score) const {
    const std::int64_t at = b * strides[0] + head * strides[1] + query * strides[2] + key * strides[3];
    if (is_seen != nullptr) return is_seen[at] != 0 ? score : -kInfinity;
    return added ? score + added[at] : score;
  }
};

// Scores of one batch item: for every key head, queries [query, query + rows) of its query head number `member` against
// keys [0, columns). A row of a block is a query of a key head.
struct ScoreBlock {
  std::int64_t batch = 0;
  std::int64_t member = 0;
  std::int64_t query = 0;
  std::int64_t rows = 0;
  std::int64_t columns = 0;
};

struct BlockRow {
  std::int64_t head;
  std::int64_t query;
  std::int64_t seen;  // keys
  std::int64_t start;
  std::int64_t statistic;  // position in [batch, heads, queries]
  MP_HD BlockRow(const AttentionShape& shape, const ScoreBlock& block, std::int64_t row) {
    const Division d = divide(row, block.rows);
    head = d.quotient * shape.group() + block.member;
    query = block.query + d.rest;
    seen = least(block.columns, shape.visible(query));
    start = row * block.columns;
    statistic = (block.batch * shape.query_heads + head) * shape.queries + query;
  }
};

// weights ← softmax of the masked scores, and their log-sum-exp. A query that may look at nothing has weights 0 and a
// log-sum-exp of +Inf, which makes them 0 in the gradient, too.
struct AttentionSoftmaxRow {
  AttentionShape shape;
  AttentionMask mask;
  ScoreBlock block;
  const float* scores;
  Reals weights;      // may lie where the scores do
  Reals log_sum_exp;  // may be null
  template <class Group>
  MP_HD void operator()(std::int64_t row, const Group& group) const {
    const BlockRow at(shape, block, row);
    float top = -kInfinity;
    double sum = 0.0;
    for (std::int64_t key = group.rank(); key < at.seen; key += group.size()) {
      const float score = mask.apply(block.batch, at.head, at.query, key, scores[at.start + key]);
      top = fmaxf(top, score);
      sum += static_cast<double>(score);
    }
    top = group.largest(top);
    sum = group.sum(sum);
    const bool is_blind = top == -kInfinity && (at.seen == 0 || sum == -static_cast<double>(kInfinity));
    double total = 0.0;
    for (std::int64_t key = group.rank(); key < at.seen && !is_blind; key += group.size()) {
      const float score = mask.apply(block.batch, at.head, at.query, key, scores[at.start + key]);
      total += static_cast<double>(expf(score - top));
    }
    total = group.sum(total);
    const float factor = is_blind ? 0.0F : static_cast<float>(1.0 / total);
    for (std::int64_t key = group.rank(); key < block.columns; key += group.size()) {
      float weight = 0.0F;
      if (key < at.seen && !is_blind) {
        const float score = mask.apply(block.batch, at.head, at.query, key, scores[at.start + key]);
        weight = expf(score - top) * factor;
      }
      weights.set(at.start + key, weight);
    }
    if (group.rank() != 0 || !log_sum_exp) return;
    const double log_sum = static_cast<double>(top) + log(total);
    log_sum_exp.set(at.statistic, is_blind ? kInfinity : static_cast<float>(log_sum));
  }
};

// weights ← e^(score − log-sum-exp), gradients ← weights·(gradients − Σ dY·Y). Each may lie where its source does.
struct AttentionGradientRow {
  AttentionShape shape;
  AttentionMask mask;
  ScoreBlock block;
  const float* scores;
  const float* weight_gradients;
  ConstReals dy;
  ConstReals y;
  ConstReals log_sum_exp;
  Reals weights;
  Reals score_gradients;
  template <class Group>
  MP_HD void operator()(std::int64_t row, const Group& group) const {
    const BlockRow at(shape, block, row);
    const std::int64_t output =
        (block.batch * shape.queries + at.query) * shape.output_stride() + at.head * shape.value_depth;
    double product = 0.0;
    for (std::int64_t i = group.rank(); i < shape.value_depth; i += group.size()) {
      product += static_cast<double>(dy[output + i]) * static_cast<double>(y[output + i]);
    }
    const auto dot = static_cast<float>(group.sum(product));
    const float log_sum = log_sum_exp[at.statistic];
    for (std::int64_t key = group.rank(); key < block.columns; key += group.size()) {
      float weight = 0.0F;
      float gradient = 0.0F;
      if (key < at.seen) {
        weight = expf(mask.apply(block.batch, at.head, at.query, key, scores[at.start + key]) - log_sum);
        gradient = weight * (weight_gradients[at.start + key] - dot);
      }
      weights.set(at.start + key, weight);
      score_gradients.set(at.start + key, gradient);
    }
  }
};

// to ← from, rounded to the type of `to`.
struct RoundItem {
  const float* from;
  Reals to;
  MP_HD void operator()(std::int64_t i) const { to.set(i, from[i]); }
};

}  // namespace mp::runtime::gpu
