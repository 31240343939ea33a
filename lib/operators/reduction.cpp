// ReduceSum, ReduceMean, ReduceMax: https://onnx.ai/onnx/operators/onnx__ReduceSum.html
#include "lib/operators/families.hpp"
#include "lib/operators/gradient.hpp"
#include "lib/operators/shape_rules.hpp"

namespace mp {
namespace {

Shape reduced(const Attributes& attributes, const Shape& from, bool keep) {
  std::vector<bool> is_reduced(from.size(), false);
  for (const std::size_t axis : axes_within(attributes.get_ints("axes", {}), from.size())) is_reduced[axis] = true;
  Shape result;
  for (std::size_t axis = 0; axis < from.size(); ++axis) {
    if (!is_reduced[axis]) {
      result.push_back(from[axis]);
    } else if (keep) {
      result.push_back(1);
    }
  }
  return result;
}

std::vector<TensorType> infer(const OperatorCall& call) {
  need_one_float_type(call);
  return {like(call, 0, reduced(call.attributes, call.input(0).shape, flag(call, "keepdims", true)))};
}

// dY, X
std::vector<TensorType> infer_max_grad(const OperatorCall& call) {
  need_one_float_type(call);
  need_shape(call, 0, reduced(call.attributes, call.input(1).shape, flag(call, "keepdims", true)),
             "what the reduction gives");
  return {call.input(1)};
}

// dY (divided by the number of elements for a mean) at every element.
void differentiate_sum(GradientBuilder& gradient) {
  const Shape from = gradient.type(gradient.input(0)).shape;
  const Shape kept = reduced(gradient.node().attributes, from, true);
  TensorId dy = gradient.output_gradient(0);
  if (gradient.node().op->name == "ReduceMean") {
    const double share = static_cast<double>(elements(kept)) / static_cast<double>(elements(from));
    dy = gradient.add("Mul", "X.share", {dy, gradient.scalar(share, "share", gradient.type(dy).type)});
  }
  dy = gradient.reshaped(dy, kept, "X");
  if (kept == from) return gradient.set_input_gradient(0, dy);
  gradient.differentiate_input(0, "Expand", "X", {dy}, {{"shape", from}});
}

void differentiate_max(GradientBuilder& gradient) {
  gradient.differentiate_input(0, "ReduceMaxGrad", "X", {gradient.output_gradient(0), gradient.input(0)},
                               gradient.node().attributes);
}

}  // namespace

std::vector<Operator> reduction_operators() {
  const std::vector<AttributeSpec> attributes = {{"axes", AttributeKind::kInts}, {"keepdims", AttributeKind::kInt}};
  std::vector<Operator> operators;
  for (const char* name : {"ReduceSum", "ReduceMean", "ReduceMax"}) {
    operators.push_back({.name = name,
                         .attributes = attributes,
                         .infer = infer,
                         .flops = one_flop_an_input,
                         .differentiate = differentiate_sum});
  }
  operators.back().differentiate = differentiate_max;
  operators.push_back({.name = "ReduceMaxGrad",
                       .inputs = {2, 2},
                       .attributes = attributes,
                       .infer = infer_max_grad,
                       .flops = one_flop_an_output});
  return operators;
}

}  // namespace mp
