// RMSNormalization: https://onnx.ai/onnx/operators/onnx__RMSNormalization.html (Zhang, Sennrich, NeurIPS 2019)
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
  float_at_least(call, "epsilon", 1e-5, 0.0);
  if (call.attributes.get_int("stash_type", 1) != 1) throw ShapeError("only stash_type 1 (float32) is supported");
  return {call.input(0), float32(parts.statistics)};
}

double flops(const OperatorCall& call, std::span<const TensorType> /*outputs*/) { return 4.0 * count(call.input(0)); }

// dY, X, scale, InvRMS
std::vector<TensorType> infer_input_grad(const OperatorCall& call) {
  need_float_values(call, 2);
  need_same_shape(call, 1, 0);
  const Parts parts = parts_of(call, 0);
  need_shape(call, 2, parts.normalized, kNormalized);
  need_shape(call, 3, parts.statistics, kStatistics);
  return {call.input(0)};
}

double flops_input_grad(const OperatorCall& call, std::span<const TensorType> /*outputs*/) {
  return 8.0 * count(call.input(0));
}

// dY, X, InvRMS
std::vector<TensorType> infer_weight_grad(const OperatorCall& call) {
  need_float_values(call, 2);
  need_same_shape(call, 1, 0);
  const Parts parts = parts_of(call, 0);
  need_shape(call, 2, parts.statistics, kStatistics);
  return {float32(parts.normalized)};
}

double flops_weight_grad(const OperatorCall& call, std::span<const TensorType> /*outputs*/) {
  return 3.0 * count(call.input(0));
}

void differentiate(GradientBuilder& gradient) {
  gradient.refuse_gradients_from(1);
  const Attributes axis = {{"axis", gradient.node().attributes.get_int("axis", -1)}};
  const TensorId dy = gradient.output_gradient(0);
  const TensorId x = gradient.input(0);
  const TensorId inverse = gradient.saved_output(1, "InvRMS");
  if (gradient.wants(0)) {
    gradient.differentiate_input(0, "RMSNormalizationInputGrad", "X", {dy, x, gradient.input(1), inverse}, axis);
  }
  if (gradient.wants(1)) {
    gradient.differentiate_input(1, "RMSNormalizationWeightGrad", "scale", {dy, x, inverse}, axis);
  }
}

}  // namespace

std::vector<Operator> rms_normalization_operators() {
  return {{.name = "RMSNormalization",
           .inputs = {2, 2},
           .outputs = {1, 2},
           .attributes = {kAxisAttribute, {"epsilon", AttributeKind::kFloat}, {"stash_type", AttributeKind::kInt}},
           .infer = infer,
           .flops = flops,
           .differentiate = differentiate},
          {.name = "RMSNormalizationInputGrad",
           .inputs = {4, 4},
           .attributes = {kAxisAttribute},
           .infer = infer_input_grad,
           .flops = flops_input_grad},
          {.name = "RMSNormalizationWeightGrad",
           .inputs = {3, 3},
           .attributes = {kAxisAttribute},
           .infer = infer_weight_grad,
           .flops = flops_weight_grad}};
}

}  // namespace mp
