// Activation functions, one input: https://onnx.ai/onnx/operators/
// Where the output tells the gradient, the gradient reads the output: the next operator keeps it anyway.
#include "lib/operators/families.hpp"
#include "lib/operators/gradient.hpp"
#include "lib/operators/parts.hpp"
#include "lib/operators/shape_rules.hpp"

namespace mp {
namespace {

std::vector<TensorType> infer_alpha(const OperatorCall& call) {
  float_at_least(call, "alpha", 1.0, 0.0);  // the gradient tells the two sides apart by the output's sign
  return infer_all_same_shape(call);
}

std::vector<TensorType> infer_gelu(const OperatorCall& call) {
  need_choice(call, "approximate", {"none", "tanh"});
  return infer_all_same_shape(call);
}

void differentiate_from_output(GradientBuilder& gradient) {
  gradient.differentiate_input(0, gradient.node().op->name + "Grad", "X",
                               {gradient.output_gradient(0), gradient.output(0)}, gradient.node().attributes);
}

void differentiate_from_input(GradientBuilder& gradient) {
  gradient.differentiate_input(0, gradient.node().op->name + "Grad", "X",
                               {gradient.output_gradient(0), gradient.input(0)}, gradient.node().attributes);
}

using Infer = decltype(Operator::infer);
using Differentiate = decltype(Operator::differentiate);

// The operator and its gradient, which has the same attributes.
void add_pair(std::vector<Operator>& operators, const std::string& name, std::vector<AttributeSpec> attributes,
              Infer infer, Differentiate differentiate) {
  operators.push_back({.name = name,
                       .attributes = attributes,
                       .infer = infer,
                       .flops = one_flop_an_output,
                       .differentiate = differentiate,
                       .in_parts = elementwise_in_parts});
  operators.push_back({.name = name + "Grad",
                       .inputs = {2, 2},
                       .attributes = std::move(attributes),
                       .infer = infer,
                       .flops = one_flop_an_output});
}

}  // namespace

std::vector<Operator> activation_operators() {
  const AttributeSpec alpha = {"alpha", AttributeKind::kFloat};
  std::vector<Operator> operators;
  add_pair(operators, "Relu", {}, infer_all_same_shape, differentiate_from_output);
  add_pair(operators, "Sigmoid", {}, infer_all_same_shape, differentiate_from_output);
  add_pair(operators, "Tanh", {}, infer_all_same_shape, differentiate_from_output);
  add_pair(operators, "LeakyRelu", {alpha}, infer_alpha, differentiate_from_output);
  add_pair(operators, "Elu", {alpha}, infer_alpha, differentiate_from_output);
  add_pair(operators, "Gelu", {{"approximate", AttributeKind::kString}}, infer_gelu, differentiate_from_input);
  add_pair(operators, "Swish", {alpha}, infer_all_same_shape, differentiate_from_input);
  return operators;
}

}  // namespace mp
