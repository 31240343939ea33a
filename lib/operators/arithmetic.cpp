// Arithmetic on elements, with broadcasting: https://onnx.ai/onnx/operators/
#include "lib/operators/families.hpp"
#include "lib/operators/gradient.hpp"
#include "lib/operators/parts.hpp"
#include "lib/operators/shape_rules.hpp"

namespace mp {
namespace {

std::vector<TensorType> infer_broadcast(const OperatorCall& call) {
  need_one_float_type(call);
  return {like(call, 0, broadcast(call.input(0).shape, call.input(1).shape))};
}

void differentiate_add(GradientBuilder& gradient) {
  const TensorId dy = gradient.output_gradient(0);
  if (gradient.wants(0)) gradient.set_broadcast_gradient(0, dy, "A");
  if (gradient.wants(1)) gradient.set_broadcast_gradient(1, dy, "B");
}

void differentiate_sub(GradientBuilder& gradient) {
  const TensorId dy = gradient.output_gradient(0);
  if (gradient.wants(0)) gradient.set_broadcast_gradient(0, dy, "A");
  if (gradient.wants(1)) gradient.set_broadcast_gradient(1, gradient.add("Neg", "B", {dy}), "B");
}

void differentiate_mul(GradientBuilder& gradient) {
  const TensorId dy = gradient.output_gradient(0);
  if (gradient.wants(0)) gradient.set_broadcast_gradient(0, gradient.add("Mul", "A", {dy, gradient.input(1)}), "A");
  if (gradient.wants(1)) gradient.set_broadcast_gradient(1, gradient.add("Mul", "B", {dy, gradient.input(0)}), "B");
}

// d(a/b)/db = −(a/b)/b
void differentiate_div(GradientBuilder& gradient) {
  const TensorId b = gradient.input(1);
  const bool wants_b = gradient.wants(1);
  const TensorId over_b = gradient.add("Div", "A", {gradient.output_gradient(0), b});
  if (gradient.wants(0)) gradient.set_broadcast_gradient(0, over_b, "A");
  if (!wants_b) return;
  const TensorId product = gradient.add("Mul", "B.product", {over_b, gradient.output(0)});
  gradient.set_broadcast_gradient(1, gradient.add("Neg", "B", {product}), "B");
}

// d(xʸ)/dx = y·xʸ⁻¹, d(xʸ)/dy = xʸ·log x
void differentiate_pow(GradientBuilder& gradient) {
  const TensorId dz = gradient.output_gradient(0);
  const TensorId x = gradient.input(0);
  const TensorId y = gradient.input(1);
  if (gradient.wants(0)) {
    const TensorId less = gradient.add("Sub", "X.exponent", {y, gradient.scalar(1.0, "one", gradient.type(y).type)});
    const TensorId slope = gradient.add("Mul", "X.slope", {y, gradient.add("Pow", "X.power", {x, less})});
    gradient.set_broadcast_gradient(0, gradient.add("Mul", "X", {dz, slope}), "X");
  }
  if (gradient.wants(1)) {
    const TensorId slope = gradient.add("Mul", "Y.slope", {gradient.output(0), gradient.add("Log", "Y.log", {x})});
    gradient.set_broadcast_gradient(1, gradient.add("Mul", "Y", {dz, slope}), "Y");
  }
}

void differentiate_sqrt(GradientBuilder& gradient) {
  const TensorId dy = gradient.output_gradient(0);
  const TensorId half = gradient.add("Mul", "X.half", {dy, gradient.scalar(0.5, "half", gradient.type(dy).type)});
  gradient.differentiate_input(0, "Div", "X", {half, gradient.output(0)});
}

void differentiate_exp(GradientBuilder& gradient) {
  gradient.differentiate_input(0, "Mul", "X", {gradient.output_gradient(0), gradient.output(0)});
}

void differentiate_log(GradientBuilder& gradient) {
  gradient.differentiate_input(0, "Div", "X", {gradient.output_gradient(0), gradient.input(0)});
}

void differentiate_neg(GradientBuilder& gradient) {
  gradient.differentiate_input(0, "Neg", "X", {gradient.output_gradient(0)});
}

void differentiate_erf(GradientBuilder& gradient) {
  gradient.differentiate_input(0, "ErfGrad", "X", {gradient.output_gradient(0), gradient.input(0)});
}

void differentiate_abs(GradientBuilder& gradient) {
  gradient.differentiate_input(0, "AbsGrad", "X", {gradient.output_gradient(0), gradient.input(0)});
}

}  // namespace

std::vector<Operator> arithmetic_operators() {
  std::vector<Operator> operators;
  const auto add = [&](const char* name, Arity inputs, decltype(Operator::infer) infer,
                       decltype(Operator::differentiate) differentiate) {
    operators.push_back({.name = name,
                         .inputs = inputs,
                         .infer = infer,
                         .flops = one_flop_an_output,
                         .differentiate = differentiate,
                         .in_parts = elementwise_in_parts});
  };
  add("Add", {2, 2}, infer_broadcast, differentiate_add);
  add("Sub", {2, 2}, infer_broadcast, differentiate_sub);
  add("Mul", {2, 2}, infer_broadcast, differentiate_mul);
  add("Div", {2, 2}, infer_broadcast, differentiate_div);
  add("Pow", {2, 2}, infer_broadcast, differentiate_pow);
  add("Sqrt", {1, 1}, infer_like_first, differentiate_sqrt);
  add("Exp", {1, 1}, infer_like_first, differentiate_exp);
  add("Log", {1, 1}, infer_like_first, differentiate_log);
  add("Neg", {1, 1}, infer_like_first, differentiate_neg);
  add("Erf", {1, 1}, infer_like_first, differentiate_erf);
  add("ErfGrad", {2, 2}, infer_all_same_shape, nullptr);
  add("Abs", {1, 1}, infer_like_first, differentiate_abs);
  add("AbsGrad", {2, 2}, infer_all_same_shape, nullptr);
  return operators;
}

}  // namespace mp
