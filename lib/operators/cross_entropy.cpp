// SoftmaxCrossEntropyLoss: https://onnx.ai/onnx/operators/onnx__SoftmaxCrossEntropyLoss.html
// The gradient makes the probabilities again from the scores and their log-sum-exp: log_prob need not be kept.
#include "lib/base/error.hpp"
#include "lib/operators/families.hpp"
#include "lib/operators/gradient.hpp"
#include "lib/operators/shape_rules.hpp"

namespace mp {
namespace {

constexpr std::size_t kLogSumExp = 2;

// scores[N, C, …] without its class axis.
Shape without_classes(const OperatorCall& call, std::size_t scores) {
  need_rank(call, scores, 2, kMaxRank);
  Shape shape = call.input(scores).shape;
  shape.erase(shape.begin() + 1);
  return shape;
}

// The loss is one number, or with reduction 'none' one a label.
Shape reduced(const OperatorCall& call, const Shape& labels) {
  need_choice(call, "reduction", {"mean", "sum", "none"});
  return call.attributes.get_string("reduction", "mean") == "none" ? labels : Shape{};
}

void check_weights(const OperatorCall& call, std::size_t weights, std::size_t scores) {
  if (!call.has_input(weights)) return;
  need_type(call, weights, DataType::kFloat32);
  need_shape(call, weights, {call.input(scores).shape[1]}, "one per class");
}

std::vector<TensorType> infer(const OperatorCall& call) {
  need_float(call, 0);
  need_type(call, 1, DataType::kInt64);
  const Shape labels = without_classes(call, 0);
  need_shape(call, 1, labels, "that of the scores without their class axis, 1");
  check_weights(call, 2, 0);
  return {float32(reduced(call, labels)), call.input(0), float32(labels)};
}

// Maximum, subtract, exp, sum; the rest is one number a row.
double flops(const OperatorCall& call, std::span<const TensorType> /*outputs*/) { return 4.0 * count(call.input(0)); }

// dloss, scores, labels, log_sum_exp, weights?
std::vector<TensorType> infer_grad(const OperatorCall& call) {
  need_type(call, 0, DataType::kFloat32);
  need_float(call, 1);
  need_type(call, 2, DataType::kInt64);
  need_type(call, 3, DataType::kFloat32);
  const Shape labels = without_classes(call, 1);
  need_shape(call, 0, reduced(call, labels), "that of the loss");
  need_shape(call, 2, labels, "that of the scores without their class axis, 1");
  need_shape(call, 3, labels, "one per label");
  check_weights(call, 4, 1);
  return {call.input(1)};
}

double flops_grad(const OperatorCall& call, std::span<const TensorType> /*outputs*/) {
  return 3.0 * count(call.input(1));
}

void differentiate(GradientBuilder& gradient) {
  gradient.refuse_gradients_from(1);
  if (gradient.wants(2)) {
    throw InputError("<graph>", Issue{gradient.node().name,
                                      "the class weights of SoftmaxCrossEntropyLoss have no gradient, but a trained "
                                      "parameter leads to them: make it \"trainable\": false"});
  }
  if (!gradient.wants(0)) return;
  std::vector<TensorId> inputs = {gradient.output_gradient(0), gradient.input(0), gradient.input(1),
                                  gradient.saved_output(kLogSumExp, "log_sum_exp")};
  if (gradient.input(2) != kNone<TensorId>) inputs.push_back(gradient.input(2));
  gradient.differentiate_input(0, "SoftmaxCrossEntropyLossGrad", "scores", std::move(inputs),
                               gradient.node().attributes);
}

}  // namespace

std::vector<Operator> cross_entropy_operators() {
  const std::vector<AttributeSpec> attributes = {{"reduction", AttributeKind::kString},
                                                 {"ignore_index", AttributeKind::kInt}};
  return {{.name = "SoftmaxCrossEntropyLoss",
           .inputs = {2, 3},
           .outputs = {1, 3},
           .attributes = attributes,
           .infer = infer,
           .flops = flops,
           .differentiate = differentiate},
          {.name = "SoftmaxCrossEntropyLossGrad",
           .inputs = {4, 5},
           .attributes = attributes,
           .infer = infer_grad,
           .flops = flops_grad}};
}

}  // namespace mp
