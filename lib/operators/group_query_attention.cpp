// Attention with a key/value cache: ONNX Runtime's contributed operator GroupQueryAttention, past and present sharing
// one buffer (https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md). For inference alone.
#include <fmt/core.h>

#include "lib/base/error.hpp"
#include "lib/operators/families.hpp"
#include "lib/operators/shape_rules.hpp"

namespace mp {
namespace {

// query, key, value [batch, sequence, heads × size]; past_key, past_value [batch, context, …]; seqlens_k int64 [batch]
std::vector<TensorType> infer(const OperatorCall& call) {
  need_float(call, 0);
  for (std::size_t i = 0; i < 5; ++i) {
    need_type(call, i, call.input(0).type);
    need_rank(call, i, 3, 3);
  }
  need_type(call, 5, DataType::kInt64);
  const Shape& q = call.input(0).shape;
  const Shape& past = call.input(3).shape;
  const std::int64_t heads = int_at_least(call, "num_heads", 0, 1);
  const std::int64_t key_heads = int_at_least(call, "kv_num_heads", 0, 1);
  if (heads % key_heads != 0) {
    throw ShapeError(fmt::format("kv_num_heads {} must divide num_heads {}", key_heads, heads));
  }
  const std::int64_t width = call.input(2).shape[2];
  if (q[2] % heads != 0 || width % key_heads != 0) {
    throw ShapeError(fmt::format("{} heads do not divide {}, or {} heads {}", heads, q[2], key_heads, width));
  }
  if (q[1] > past[1]) throw ShapeError(fmt::format("{} new positions do not fit a cache of {}", q[1], past[1]));
  need_shape(call, 1, {q[0], q[1], q[2] / heads * key_heads}, "as many rows as query, heads of its size");
  need_shape(call, 2, {q[0], q[1], width}, "as many rows as query");
  need_shape(call, 3, {q[0], past[1], call.input(1).shape[2]}, "rows of key");
  need_shape(call, 4, {q[0], past[1], width}, "rows of value, as many as past_key");
  need_shape(call, 5, {q[0]}, "one a sequence");
  return {like(call, 0, {q[0], q[1], heads * (width / key_heads)}), call.input(3), call.input(4)};
}

// Q·Kᵀ, P·V with the cache full: what is in it is not known before it runs.
double flops(const OperatorCall& call, std::span<const TensorType> outputs) {
  const double pairs = static_cast<double>(call.input(0).shape[1]) * static_cast<double>(call.input(3).shape[1]);
  const double rows = static_cast<double>(call.input(0).shape[0]);
  return 2.0 * rows * pairs * static_cast<double>(call.input(0).shape[2] + outputs[0].shape[2]);
}

}  // namespace

std::vector<Operator> group_query_attention_operators() {
  return {{.name = "GroupQueryAttention",
           .inputs = {6, 6},
           .outputs = {1, 3},
           .attributes = {{"num_heads", AttributeKind::kInt, true},
                          {"kv_num_heads", AttributeKind::kInt, true},
                          {"scale", AttributeKind::kFloat}},
           .infer = infer,
           .flops = flops,
           .in_place = {{1, 3}, {2, 4}},
           .work = WorkClass::kAttention}};
}

}  // namespace mp
