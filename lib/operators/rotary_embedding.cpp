// RotaryEmbedding (Su et al., 2021): https://onnx.ai/onnx/operators/onnx__RotaryEmbedding.html
// Its gradient turns dY back by the same angles. Without tables of cosines and sines the angles follow from `theta`.
#include <fmt/core.h>

#include "lib/base/error.hpp"
#include "lib/operators/families.hpp"
#include "lib/operators/gradient.hpp"
#include "lib/operators/parts.hpp"
#include "lib/operators/shape_rules.hpp"

namespace mp {
namespace {

struct Heads {
  std::int64_t batch, sequence, size;
};

Heads heads_of(const OperatorCall& call) {
  need_rank(call, 0, 3, 4);
  const Shape& x = call.input(0).shape;
  if (x.size() == 4) return {x[0], x[2], x[3]};
  const std::int64_t heads = int_at_least(call, "num_heads", 0, 1);
  if (x[2] % heads != 0) {
    throw ShapeError(fmt::format("num_heads {} does not divide the last extent of X {}", heads, to_string(x)));
  }
  return {x[0], x[1], x[2] / heads};
}

void check_tables(const OperatorCall& call, const Heads& heads, std::int64_t rotated) {
  if (!call.has_input(1) && !call.has_input(2)) {
    if (call.has_input(3)) throw ShapeError("position_ids need the inputs cos_cache and sin_cache");
    if (const double theta = call.attributes.get_float("theta", 10000.0); theta <= 0.0) {
      throw ShapeError(fmt::format("attribute theta must be more than 0, not {}", theta));
    }
    return;
  }
  if (!call.has_input(1) || !call.has_input(2)) throw ShapeError("cos_cache and sin_cache come together or not at all");
  if (call.attributes.has("theta")) throw ShapeError("attribute theta has no use beside cos_cache and sin_cache");
  need_type(call, 1, DataType::kFloat32);
  need_type(call, 2, DataType::kFloat32);
  need_same_shape(call, 2, 1);
  if (!call.has_input(3)) {
    return need_shape(call, 1, {heads.batch, heads.sequence, rotated / 2}, "batch, sequence, half of what is rotated");
  }
  need_rank(call, 1, 2, 2);
  need_shape(call, 1, {call.input(1).shape[0], rotated / 2}, "positions, half of what is rotated");
  need_type(call, 3, DataType::kInt64);
  need_shape(call, 3, {heads.batch, heads.sequence}, "batch, sequence");
}

std::vector<TensorType> infer(const OperatorCall& call) {
  need_float(call, 0);
  flag(call, "interleaved");
  const Heads heads = heads_of(call);
  const std::int64_t chosen = int_at_least(call, "rotary_embedding_dim", 0, 0);
  const std::int64_t rotated = chosen == 0 ? heads.size : chosen;
  if (rotated > heads.size || rotated % 2 != 0) {
    throw ShapeError(
        fmt::format("an even number of elements of each head can be rotated, not {} of {}", rotated, heads.size));
  }
  check_tables(call, heads, rotated);
  return {call.input(0)};
}

// Four multiplications and two additions a pair.
double flops(const OperatorCall& call, std::span<const TensorType> /*outputs*/) { return 3.0 * count(call.input(0)); }

// Every head is turned alike.
PartsAnswer in_parts(const PartsRequest& request) {
  const auto parts = static_cast<std::int64_t>(request.sizes.size());
  const std::int64_t heads = request.call.attributes.get_int("num_heads", 0);
  const bool is_3d = request.output.shape.size() == 3;
  if (!is_3d || request.axis != 2 || heads % parts != 0 || !request.has_equal_sizes()) return {};
  PartsAnswer answer;
  answer.operands.assign(request.call.inputs.size(), {});
  answer.operands[0] = {2, request.sizes};
  Attributes attributes = request.call.attributes;
  attributes.set("num_heads", heads / parts);
  answer.attributes.assign(request.sizes.size(), attributes);
  return answer;
}

void differentiate(GradientBuilder& gradient) {
  for (const std::size_t table : {1U, 2U}) {
    if (!gradient.wants(table)) continue;
    throw InputError("<graph>", Issue{gradient.node().name,
                                      "the tables cos_cache and sin_cache of RotaryEmbedding have no gradient, but a "
                                      "trained parameter leads to them: make it \"trainable\": false"});
  }
  if (!gradient.wants(0)) return;
  std::vector<TensorId> inputs = {gradient.output_gradient(0)};
  for (std::size_t i = 1; i < gradient.node().inputs.size(); ++i) inputs.push_back(gradient.input(i));
  gradient.differentiate_input(0, "RotaryEmbeddingGrad", "X", std::move(inputs), gradient.node().attributes);
}

}  // namespace

std::vector<Operator> rotary_embedding_operators() {
  const std::vector<AttributeSpec> attributes = {{"interleaved", AttributeKind::kInt},
                                                 {"num_heads", AttributeKind::kInt},
                                                 {"rotary_embedding_dim", AttributeKind::kInt},
                                                 {"theta", AttributeKind::kFloat}};
  return {{.name = "RotaryEmbedding",
           .inputs = {1, 4},
           .attributes = attributes,
           .infer = infer,
           .flops = flops,
           .differentiate = differentiate,
           .in_parts = in_parts},
          {.name = "RotaryEmbeddingGrad", .inputs = {1, 4}, .attributes = attributes, .infer = infer, .flops = flops}};
}

}  // namespace mp
