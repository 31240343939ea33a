// Attention over [batch, sequence, heads × size] operands: https://onnx.ai/onnx/operators/onnx__Attention.html
// The scores are never kept: the gradient makes them again from their log-sum-exp, as FlashAttention does
// (Dao et al., NeurIPS 2022).
#include <fmt/core.h>

#include <algorithm>

#include "lib/base/error.hpp"
#include "lib/operators/families.hpp"
#include "lib/operators/gradient.hpp"
#include "lib/operators/parts.hpp"
#include "lib/operators/shape_rules.hpp"

namespace mp {
namespace {

constexpr std::size_t kLogSumExp = 1;

struct Heads {
  std::int64_t batch, queries, keys, heads, size, value_size;
};

std::int64_t head_size(const OperatorCall& call, std::size_t input, std::int64_t heads) {
  const std::int64_t width = call.input(input).shape[2];
  if (width % heads == 0) return width / heads;
  throw ShapeError(fmt::format("input {} {}: {} heads do not divide the last extent {}", input,
                               to_string(call.input(input).shape), heads, width));
}

// Of a call whose inputs from `first` on are Q, K, V.
Heads heads_of(const OperatorCall& call, std::size_t first) {
  need_float(call, first);
  for (std::size_t i = 0; i < first + 3; ++i) need_type(call, i, call.input(first).type);
  for (std::size_t i = first; i < first + 3; ++i) need_rank(call, i, 3, 3);
  const Shape& q = call.input(first).shape;
  const Shape& k = call.input(first + 1).shape;
  const Shape& v = call.input(first + 2).shape;
  if (k[0] != q[0] || v[0] != q[0] || v[1] != k[1]) {
    throw ShapeError(fmt::format("Q {}, K {}, V {} must have one batch, K and V one length", to_string(q), to_string(k),
                                 to_string(v)));
  }
  const std::int64_t query_heads = int_at_least(call, "q_num_heads", 0, 1);
  const std::int64_t key_heads = int_at_least(call, "kv_num_heads", 0, 1);
  if (query_heads % key_heads != 0) {
    throw ShapeError(fmt::format("kv_num_heads {} must divide q_num_heads {}", key_heads, query_heads));
  }
  const std::int64_t size = head_size(call, first, query_heads);
  if (const std::int64_t key_size = head_size(call, first + 1, key_heads); key_size != size) {
    throw ShapeError(fmt::format("a head of Q has the size {}, one of K {}", size, key_size));
  }
  flag(call, "is_causal");
  return {q[0], q[1], k[1], query_heads, size, head_size(call, first + 2, key_heads)};
}

// bool: which keys may be looked at; float32: added to the scores. Broadcast to [batch, heads, queries, keys].
void check_mask(const OperatorCall& call, std::size_t input, const Heads& heads) {
  if (!call.has_input(input)) return;
  const TensorType& mask = call.input(input);
  if (mask.type != DataType::kBool && mask.type != DataType::kFloat32) {
    throw ShapeError(fmt::format("the mask must be bool or float32, not {}", to_string(mask)));
  }
  const Shape scores = {heads.batch, heads.heads, heads.queries, heads.keys};
  need_rank(call, input, 2, 4);
  bool fits = true;
  for (std::size_t i = 0; i < mask.shape.size(); ++i) {
    const std::int64_t wanted = scores[scores.size() - mask.shape.size() + i];
    fits = fits && (mask.shape[i] == 1 || mask.shape[i] == wanted);
  }
  if (fits) return;
  throw ShapeError(
      fmt::format("the mask {} does not broadcast to the scores {}", to_string(mask.shape), to_string(scores)));
}

// Pairs of query and key that are looked at, over batch and heads.
double pairs(const OperatorCall& call, const Heads& heads) {
  double looked_at = static_cast<double>(heads.queries) * static_cast<double>(heads.keys);
  if (call.attributes.get_int("is_causal", 0) != 0) {
    // Query i sees keys 0 … min(i, keys − 1).
    const auto ramp = static_cast<double>(std::min(heads.queries, heads.keys));
    const auto rest = static_cast<double>(heads.queries) - ramp;
    looked_at = ramp * (ramp + 1) / 2 + rest * static_cast<double>(heads.keys);
  }
  return looked_at * static_cast<double>(heads.batch) * static_cast<double>(heads.heads);
}

std::vector<TensorType> infer(const OperatorCall& call) {
  const Heads heads = heads_of(call, 0);
  check_mask(call, 3, heads);
  return {like(call, 0, {heads.batch, heads.queries, heads.heads * heads.value_size}),
          float32({heads.batch, heads.heads, heads.queries})};
}

// Q·Kᵀ, P·V.
double flops(const OperatorCall& call, std::span<const TensorType> /*outputs*/) {
  const Heads heads = heads_of(call, 0);
  return 2.0 * pairs(call, heads) * static_cast<double>(heads.size + heads.value_size);
}

// dY, Q, K, V, Y, log_sum_exp, mask?
std::vector<TensorType> infer_grad(const OperatorCall& call) {
  const Heads heads = heads_of(call, 1);
  need_type(call, 4, call.input(1).type);
  need_type(call, 5, DataType::kFloat32);
  check_mask(call, 6, heads);
  need_shape(call, 0, {heads.batch, heads.queries, heads.heads * heads.value_size}, "that of Y");
  need_same_shape(call, 4, 0);
  need_shape(call, 5, {heads.batch, heads.heads, heads.queries}, "one per query and head");
  return {call.input(1), call.input(2), call.input(3)};
}

// Q·Kᵀ again, dQ and dK of the head's size; dP and dV of the value's.
double flops_grad(const OperatorCall& call, std::span<const TensorType> /*outputs*/) {
  const Heads heads = heads_of(call, 1);
  return 2.0 * pairs(call, heads) * static_cast<double>(3 * heads.size + 2 * heads.value_size);
}

// Heads attend independently: equal parts with as many of them each.
PartsAnswer in_parts(const PartsRequest& request) {
  const auto parts = static_cast<std::int64_t>(request.sizes.size());
  const std::int64_t query_heads = request.call.attributes.get_int("q_num_heads", 1);
  const std::int64_t key_heads = request.call.attributes.get_int("kv_num_heads", 1);
  const bool masks_heads = request.call.has_input(3) && request.call.input(3).shape.size() > 2 &&
                           *(request.call.input(3).shape.end() - 3) != 1;
  if (request.axis != 2 || masks_heads || !request.has_equal_sizes()) return {};
  if (query_heads % parts != 0 || key_heads % parts != 0) return {};
  PartsAnswer answer;
  for (std::size_t i = 0; i < request.call.inputs.size(); ++i) {
    OperandParts operand;
    if (i < 3) operand = {2, std::vector<std::int64_t>(request.sizes.size(), request.call.input(i).shape[2] / parts)};
    answer.operands.push_back(operand);
  }
  Attributes attributes = request.call.attributes;
  attributes.set("q_num_heads", query_heads / parts);
  attributes.set("kv_num_heads", key_heads / parts);
  answer.attributes.assign(request.sizes.size(), attributes);
  return answer;
}

void differentiate(GradientBuilder& gradient) {
  gradient.refuse_gradients_from(1);
  if (gradient.wants(3)) {
    throw InputError("<graph>", Issue{gradient.node().name,
                                      "the mask of Attention has no gradient, but a trained parameter leads to it: "
                                      "make it \"trainable\": false"});
  }
  const TensorId log_sum_exp = gradient.saved_output(kLogSumExp, "log_sum_exp");
  std::vector<TensorId> inputs = {gradient.output_gradient(0), gradient.input(0),  gradient.input(1),
                                  gradient.input(2),           gradient.output(0), log_sum_exp};
  if (gradient.input(3) != kNone<TensorId>) inputs.push_back(gradient.input(3));
  const std::vector<TensorId> gradients =
      gradient.add_many("AttentionGrad", std::move(inputs), {"Q", "K", "V"}, gradient.node().attributes);
  for (std::size_t i = 0; i < 3; ++i) {
    if (gradient.wants(i)) gradient.set_input_gradient(i, gradients[i]);
  }
}

}  // namespace

std::vector<Operator> attention_operators() {
  const std::vector<AttributeSpec> attributes = {{"q_num_heads", AttributeKind::kInt, true},
                                                 {"kv_num_heads", AttributeKind::kInt, true},
                                                 {"is_causal", AttributeKind::kInt},
                                                 {"scale", AttributeKind::kFloat}};
  return {{.name = "Attention",
           .inputs = {3, 4},
           .outputs = {1, 2},
           .attributes = attributes,
           .infer = infer,
           .flops = flops,
           .differentiate = differentiate,
           .in_parts = in_parts,
           .work = WorkClass::kAttention},
          {.name = "AttentionGrad",
           .inputs = {6, 7},
           .outputs = {3, 3},
           .attributes = attributes,
           .infer = infer_grad,
           .flops = flops_grad,
           .work = WorkClass::kAttention}};
}

}  // namespace mp
