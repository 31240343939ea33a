// LayerNormalization, RMSNormalization: https://onnx.ai/onnx/operators/onnx__LayerNormalization.html (Ba, Kiros,
// Hinton, 2016), …/onnx__RMSNormalization.html (Zhang, Sennrich, NeurIPS 2019). The latter has no mean and no bias.
#include "lib/operators/families.hpp"
#include "lib/operators/gradient.hpp"
#include "lib/operators/shape_rules.hpp"

namespace mp {
namespace {

struct Parts {
  Shape normalized;  // the dimensions from `axis` on
  Shape statistics;  // X's shape with those as 1
};

Parts parts_of(const OperatorCall& call) {
  const Shape& x = call.input(0).shape;
  const std::size_t axis = axis_within(call.attributes.get_int("axis", -1), x.size());
  Parts parts;
  parts.statistics = x;
  for (std::size_t i = axis; i < x.size(); ++i) {
    parts.normalized.push_back(x[i]);
    parts.statistics[i] = 1;
  }
  return parts;
}

void need_weights(const OperatorCall& call, std::size_t input, const Parts& parts) {
  need_shape(call, input, parts.normalized, "the normalized dimensions");
}

void need_statistics(const OperatorCall& call, std::size_t first, const Parts& parts) {
  for (std::size_t i = first; i < call.inputs.size(); ++i) {
    need_shape(call, i, parts.statistics, "X's with the normalized dimensions as 1");
  }
}

// Y, then `statistics` of each row.
std::vector<TensorType> infer(const OperatorCall& call, std::size_t statistics) {
  need_float_values(call, 1);
  const Parts parts = parts_of(call);
  need_weights(call, 1, parts);
  if (call.has_input(2)) need_weights(call, 2, parts);
  float_at_least(call, "epsilon", 1e-5, 0.0);
  if (call.attributes.get_int("stash_type", 1) != 1) throw ShapeError("only stash_type 1 (float32) is supported");
  std::vector<TensorType> outputs(1 + statistics, float32(parts.statistics));
  outputs[0] = call.input(0);
  return outputs;
}

std::vector<TensorType> infer_layer(const OperatorCall& call) { return infer(call, 2); }
std::vector<TensorType> infer_rms(const OperatorCall& call) { return infer(call, 1); }

// dY, X, Scale, statistics
std::vector<TensorType> infer_input_grad(const OperatorCall& call) {
  need_float_values(call, 2);
  need_same_shape(call, 1, 0);
  const Parts parts = parts_of(call);
  need_weights(call, 2, parts);
  need_statistics(call, 3, parts);
  return {call.input(0)};
}

// dY, X, statistics; the gradients of `weights`
std::vector<TensorType> infer_weight_grad(const OperatorCall& call, std::size_t weights) {
  need_float_values(call, 2);
  need_same_shape(call, 1, 0);
  const Parts parts = parts_of(call);
  need_statistics(call, 2, parts);
  return std::vector<TensorType>(weights, float32(parts.normalized));
}

std::vector<TensorType> infer_layer_weight_grad(const OperatorCall& call) { return infer_weight_grad(call, 2); }
std::vector<TensorType> infer_rms_weight_grad(const OperatorCall& call) { return infer_weight_grad(call, 1); }

template <int kFlopsAnElement>
double flops(const OperatorCall& call, std::span<const TensorType> /*outputs*/) {
  return kFlopsAnElement * count(call.input(0));
}

void differentiate_layer(GradientBuilder& gradient) {
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

void differentiate_rms(GradientBuilder& gradient) {
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

std::vector<Operator> layer_normalization_operators() {
  return {{.name = "LayerNormalization",
           .inputs = {2, 3},
           .outputs = {1, 3},
           .attributes = {kAxisAttribute, {"epsilon", AttributeKind::kFloat}, {"stash_type", AttributeKind::kInt}},
           .infer = infer_layer,
           .flops = flops<8>,
           .differentiate = differentiate_layer},
          {.name = "LayerNormalizationInputGrad",
           .inputs = {5, 5},
           .attributes = {kAxisAttribute},
           .infer = infer_input_grad,
           .flops = flops<9>},
          {.name = "LayerNormalizationWeightGrad",
           .inputs = {4, 4},
           .outputs = {1, 2},
           .attributes = {kAxisAttribute},
           .infer = infer_layer_weight_grad,
           .flops = flops<5>}};
}

std::vector<Operator> rms_normalization_operators() {
  return {{.name = "RMSNormalization",
           .inputs = {2, 2},
           .outputs = {1, 2},
           .attributes = {kAxisAttribute, {"epsilon", AttributeKind::kFloat}, {"stash_type", AttributeKind::kInt}},
           .infer = infer_rms,
           .flops = flops<4>,
           .differentiate = differentiate_rms},
          {.name = "RMSNormalizationInputGrad",
           .inputs = {4, 4},
           .attributes = {kAxisAttribute},
           .infer = infer_input_grad,
           .flops = flops<8>},
          {.name = "RMSNormalizationWeightGrad",
           .inputs = {3, 3},
           .attributes = {kAxisAttribute},
           .infer = infer_rms_weight_grad,
           .flops = flops<3>}};
}

}  // namespace mp
