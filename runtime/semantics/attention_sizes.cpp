#include "runtime/semantics/attention_sizes.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "runtime/semantics/strides.hpp"

namespace mp::runtime {

AttentionSizes attention_sizes(const NodeCall& call, std::size_t first) {
  const Shape& q = call.input(first).shape;
  const Shape& v = call.input(first + 2).shape;
  AttentionSizes sizes{.batch = q[0], .queries = q[1], .keys = v[1]};
  sizes.query_heads = call.attributes().get_int("q_num_heads", 1);
  sizes.key_heads = call.attributes().get_int("kv_num_heads", 1);
  sizes.depth = q[2] / sizes.query_heads;
  sizes.value_depth = v[2] / sizes.key_heads;
  const double scale = 1.0 / std::sqrt(static_cast<double>(sizes.depth));
  sizes.scale = static_cast<float>(call.attributes().get_float("scale", scale));
  sizes.is_causal = call.attributes().get_int("is_causal", 0) != 0;
  return sizes;
}

AttentionSizes cached_attention_sizes(const NodeCall& call) {
  const Shape& q = call.input(0).shape;
  const Shape& past_key = call.input(3).shape;
  AttentionSizes sizes{.batch = q[0], .queries = q[1], .keys = past_key[1], .is_causal = true};
  sizes.query_heads = call.attributes().get_int("num_heads", 1);
  sizes.key_heads = call.attributes().get_int("kv_num_heads", 1);
  sizes.depth = q[2] / sizes.query_heads;
  sizes.value_depth = call.input(4).shape[2] / sizes.key_heads;
  const double scale = 1.0 / std::sqrt(static_cast<double>(sizes.depth));
  sizes.scale = static_cast<float>(call.attributes().get_float("scale", scale));
  return sizes;
}

AttentionMaskView attention_mask(const NodeCall& call, std::size_t input, const AttentionSizes& sizes) {
  AttentionMaskView mask;
  if (!call.has_input(input)) return mask;
  mask.exists = true;
  mask.is_bool = call.input(input).type == DataType::kBool;
  const std::vector<std::int64_t> strides =
      broadcast_strides(call.input(input).shape, {sizes.batch, sizes.query_heads, sizes.queries, sizes.keys});
  std::copy(strides.begin(), strides.end(), mask.strides.begin());
  return mask;
}

}  // namespace mp::runtime
