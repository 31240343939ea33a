// The sizes of an Attention node (ONNX opset 23, inputs of three axes), and of its gradient.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "runtime/semantics/node_call.hpp"

namespace mp::runtime {

// Q[batch, queries, query_heads·depth], K[batch, keys, key_heads·depth], V[batch, keys, key_heads·value_depth].
struct AttentionSizes {
  std::int64_t batch = 0;
  std::int64_t queries = 0;
  std::int64_t keys = 0;
  std::int64_t query_heads = 0;
  std::int64_t key_heads = 0;
  std::int64_t depth = 0;
  std::int64_t value_depth = 0;
  float scale = 1.0F;
  bool is_causal = false;
};

// `first`: position of Q among the node's inputs, K and V behind it.
[[nodiscard]] AttentionSizes attention_sizes(const NodeCall& call, std::size_t first);

// Of a GroupQueryAttention node: the keys are those of the whole cache, and it is causal.
[[nodiscard]] AttentionSizes cached_attention_sizes(const NodeCall& call);

// A bool or real tensor broadcast to [batch, heads, queries, keys]; no mask: nothing is added.
struct AttentionMaskView {
  bool exists = false;
  bool is_bool = false;
  std::array<std::int64_t, 4> strides{};
};

// `input`: position of the mask among the node's inputs.
[[nodiscard]] AttentionMaskView attention_mask(const NodeCall& call, std::size_t input, const AttentionSizes& sizes);

}  // namespace mp::runtime
