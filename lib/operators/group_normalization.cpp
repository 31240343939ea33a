// GroupNormalization, InstanceNormalization: https://onnx.ai/onnx/operators/onnx__GroupNormalization.html,
// …/onnx__InstanceNormalization.html (Wu, He, ECCV 2018; Ulyanov et al., 2016). An instance is a group of one channel:
// the two share their gradients, which read the number of groups off the shape of the means.
#include <fmt/core.h>

#include "lib/operators/families.hpp"
#include "lib/operators/gradient.hpp"
#include "lib/operators/shape_rules.hpp"

namespace mp {
namespace {

std::vector<TensorType> infer_groups(const OperatorCall& call, std::int64_t groups) {
  const Shape& x = call.input(0).shape;
  for (const std::size_t i : {1U, 2U}) need_shape(call, i, {x[1]}, "one per channel of X");
  float_at_least(call, "epsilon", 1e-5, 0.0);
  return {call.input(0), float32({x[0], groups}), float32({x[0], groups})};
}

std::vector<TensorType> infer_group(const OperatorCall& call) {
  need_float_values(call, 1);
  need_rank(call, 0, 2, kMaxRank);
  const std::int64_t channels = call.input(0).shape[1];
  const std::int64_t groups = int_at_least(call, "num_groups", 0, 1);
  if (channels % groups != 0) {
    throw ShapeError(fmt::format("num_groups {} does not divide the {} channels of X", groups, channels));
  }
  if (call.attributes.get_int("stash_type", 1) != 1) throw ShapeError("only stash_type 1 (float32) is supported");
  return infer_groups(call, groups);
}

std::vector<TensorType> infer_instance(const OperatorCall& call) {
  need_float_values(call, 1);
  need_rank(call, 0, 3, kMaxRank);
  return infer_groups(call, call.input(0).shape[1]);
}

double flops(const OperatorCall& call, std::span<const TensorType> /*outputs*/) { return 7.0 * count(call.input(0)); }

void need_statistics(const OperatorCall& call, std::size_t mean) {
  need_rank(call, mean, 2, 2);
  const Shape& x = call.input(1).shape;
  const Shape& statistics = call.input(mean).shape;
  if (statistics[0] != x[0] || x[1] % statistics[1] != 0) {
    throw ShapeError(
        fmt::format("the means {} are not one per group of the channels of X {}", to_string(statistics), to_string(x)));
  }
  need_same_shape(call, mean + 1, mean);
}

// dY, X, scale, Mean, InvStdDev
std::vector<TensorType> infer_input_grad(const OperatorCall& call) {
  need_float_values(call, 2);
  need_rank(call, 0, 2, kMaxRank);
  need_same_shape(call, 1, 0);
  need_shape(call, 2, {call.input(0).shape[1]}, "one per channel of X");
  need_statistics(call, 3);
  return {call.input(0)};
}

double flops_input_grad(const OperatorCall& call, std::span<const TensorType> /*outputs*/) {
  return 9.0 * count(call.input(0));
}

// dY, X, Mean, InvStdDev
std::vector<TensorType> infer_weight_grad(const OperatorCall& call) {
  need_float_values(call, 2);
  need_rank(call, 0, 2, kMaxRank);
  need_same_shape(call, 1, 0);
  need_statistics(call, 2);
  const Shape channels = {call.input(0).shape[1]};
  return {float32(channels), float32(channels)};
}

double flops_weight_grad(const OperatorCall& call, std::span<const TensorType> /*outputs*/) {
  return 3.0 * count(call.input(0));
}

void differentiate(GradientBuilder& gradient) {
  gradient.refuse_gradients_from(1);
  const TensorId dy = gradient.output_gradient(0);
  const TensorId x = gradient.input(0);
  const TensorId mean = gradient.saved_output(1, "Mean");
  const TensorId inverse = gradient.saved_output(2, "InvStdDev");
  if (gradient.wants(0)) {
    gradient.differentiate_input(0, "GroupNormalizationInputGrad", "X", {dy, x, gradient.input(1), mean, inverse});
  }
  if (!gradient.wants(1) && !gradient.wants(2)) return;
  const std::vector<TensorId> weights =
      gradient.add_many("GroupNormalizationWeightGrad", {dy, x, mean, inverse},
                        {gradient.wants(1) ? "scale" : "", gradient.wants(2) ? "bias" : ""});
  for (const std::size_t i : {1U, 2U}) {
    if (gradient.wants(i)) gradient.set_input_gradient(i, weights[i - 1]);
  }
}

}  // namespace

std::vector<Operator> group_normalization_operators() {
  const AttributeSpec epsilon = {"epsilon", AttributeKind::kFloat};
  return {
      {.name = "GroupNormalization",
       .inputs = {3, 3},
       .outputs = {1, 3},
       .attributes = {epsilon, {"num_groups", AttributeKind::kInt, true}, {"stash_type", AttributeKind::kInt}},
       .infer = infer_group,
       .flops = flops,
       .differentiate = differentiate},
      {.name = "InstanceNormalization",
       .inputs = {3, 3},
       .outputs = {1, 3},
       .attributes = {epsilon},
       .infer = infer_instance,
       .flops = flops,
       .differentiate = differentiate},
      {.name = "GroupNormalizationInputGrad", .inputs = {5, 5}, .infer = infer_input_grad, .flops = flops_input_grad},
      {.name = "GroupNormalizationWeightGrad",
       .inputs = {4, 4},
       .outputs = {1, 2},
       .infer = infer_weight_grad,
       .flops = flops_weight_grad}};
}

}  // namespace mp
