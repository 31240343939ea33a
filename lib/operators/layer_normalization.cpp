// LayerNormalization: https://onnx.ai/onnx/operators/onnx__LayerNormalization.html (Ba, Kiros, Hinton, 2016)
#include "lib/operators/families.hpp"
#include "lib/operators/gradient.hpp"
#include "lib/operators/shape_rules.hpp"

namespace mp {
namespace {

struct Parts {
  Shape normalized;  // the dimensions from `axis` on
  Shape statistics;  // X's shape with those as 1
};

Parts parts_of(const OperatorCall& call, std::size_t input) {
  const Shape& x = call.input(input).shape;
  const std::size_t axis = axis_within(call.attributes.get_int("axis", -1), x.size());
  Parts parts;
  parts.statistics = x;
  for (std::size_t i = axis; i < x.size(); ++i) {
    parts.normalized.push_back(x[i]);
    parts.statistics[i] = 1;
  }
  return parts;
}

constexpr std::string_view kNormalized = "the normalized dimensions";
constexpr std::string_view kStatistics = "X's with the normalized dimensions as 1";

std::vector<TensorType> infer(const OperatorCall& call) {
  need_float_values(call, 1);
  const Parts parts = parts_of(call, 0);
  need_shape(call, 1, parts.normalized, kNormalized);
  if (call.has_input(2)) need_shape(call, 2, parts.normalized, kNormalized);
  float_at_least(call, "epsilon", 1e-5, 0.0);
  if (call.attributes.get_int("stash_type", 1) != 1) throw ShapeError("only stash_type 1 (float32) is supported");
  return {call.input(0), float32(parts.statistics), float32(parts.statistics)};
}

double flops(const OperatorCall& call, std::span<const TensorType> /*outputs*/) { return 8.0 * count(call.input(0)); }

// dY, X, Scale, Mean, InvStdDev
std::vector<TensorType> infer_input_grad(const OperatorCall& call) {
  need_float_values(call, 2);
  need_same_shape(call, 1, 0);
  const Parts parts = parts_of(call, 0);
  need_shape(call, 2, parts.normalized, kNormalized);
  need_shape(call, 3, parts.statistics, kStatistics);
  need_shape(call, 4, parts.statistics, kStatistics);
  return {call.input(0)};
}

double flops_input_grad(const OperatorCall& call, std::span<const TensorType> /*outputs*/) {
  return 9.0 * count(call.input(0));
}

// dY, X, Mean, InvStdDev
std::vector<TensorType> infer_weight_grad(const OperatorCall& call) {
  need_float_values(call, 2);
  need_same_shape(call, 1, 0);
  const Parts parts = parts_of(call, 0);
  need_shape(call, 2, parts.statistics, kStatistics);
  need_shape(call, 3, parts.statistics, kStatistics);
  return {float32(parts.normalized), float32(parts.normalized)};
}

double flops_weight_grad(const OperatorCall& call, std::span<const TensorType> /*outputs*/) {
  return 5.0 * count(call.input(0));
}

void differentiate(GradientBuilder& gradient) {
  gradient.refuse_gradients_from(1);
  const Attributes axis = {{"axis", gradient.node().attributes.get_int("axis", -1)}};
  const TensorId dy = gradient.output_gradient(0);
  const TensorId x = gradient.input(0);
  const TensorId mean = gradient.saved_output(1, "Mean");
  const TensorId inverse = gradient.saved_output(2, "InvStdDev");
  if (gradient.wants(0)) {
    gradient.differentiate_input(0, "LayerNormalizationInputGrad", "X", {dy, x, gradient.input(1), mean, inverse},
                                 axis);
  }
  if (!gradient.wants(1) && !gradient.wants(2)) return;
  const std::vector<TensorId> weights = gradient.add_many("LayerNormalizationWeightGrad", {dy, x, mean, inverse},
                                                          {"Scale", gradient.wants(2) ? "B" : ""}, axis);
  if (gradient.wants(1)) gradient.set_input_gradient(1, weights[0]);
  if (gradient.wants(2)) gradient.set_input_gradient(2, weights[1]);
}

}  // namespace

std::vector<Operator> layer_normalization_operators() {
  return {{.name = "LayerNormalization",
           .inputs = {2, 3},
           .outputs = {1, 3},
           .attributes = {kAxisAttribute, {"epsilon", AttributeKind::kFloat}, {"stash_type", AttributeKind::kInt}},
           .infer = infer,
           .flops = flops,
           .differentiate = differentiate},
          {.name = "LayerNormalizationInputGrad",
           .inputs = {5, 5},
           .attributes = {kAxisAttribute},
           .infer = infer_input_grad,
           .flops = flops_input_grad},
          {.name = "LayerNormalizationWeightGrad",
           .inputs = {4, 4},
           .outputs = {1, 2},
           .attributes = {kAxisAttribute},
           .infer = infer_weight_grad,
           .flops = flops_weight_grad}};
}

}  // namespace mp
