// Softmax, LogSoftmax: https://onnx.ai/onnx/operators/onnx__Softmax.html
#include "lib/operators/families.hpp"
#include "lib/operators/gradient.hpp"
#include "lib/operators/shape_rules.hpp"

namespace mp {
namespace {

std::vector<TensorType> infer(const OperatorCall& call) {
  static_cast<void>(axis_within(call.attributes.get_int("axis", -1), call.input(0).shape.size()));
  return infer_all_same_shape(call);
}

// Maximum, subtract, exp, sum, divide.
double flops(const OperatorCall& call, std::span<const TensorType> /*outputs*/) { return 5.0 * count(call.input(0)); }

double flops_grad(const OperatorCall& call, std::span<const TensorType> /*outputs*/) {
  return 4.0 * count(call.input(0));
}

void differentiate(GradientBuilder& gradient) {
  gradient.differentiate_input(0, gradient.node().op->name + "Grad", "X",
                               {gradient.output_gradient(0), gradient.output(0)}, gradient.node().attributes);
}

}  // namespace

std::vector<Operator> softmax_operators() {
  std::vector<Operator> operators;
  for (const std::string name : {"Softmax", "LogSoftmax"}) {
    operators.push_back(
        {.name = name, .attributes = {kAxisAttribute}, .infer = infer, .flops = flops, .differentiate = differentiate});
    operators.push_back(
        {.name = name + "Grad", .inputs = {2, 2}, .attributes = {kAxisAttribute}, .infer = infer, .flops = flops_grad});
  }
  return operators;
}

}  // namespace mp
