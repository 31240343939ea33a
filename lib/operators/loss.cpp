// MeanSquaredError, MeanAbsoluteError, BinaryCrossEntropy: ONNX has none of them.
#include "lib/base/error.hpp"
#include "lib/operators/families.hpp"
#include "lib/operators/gradient.hpp"
#include "lib/operators/shape_rules.hpp"

namespace mp {
namespace {

std::vector<TensorType> infer(const OperatorCall& call) {
  need_float32(call);
  need_same_shape(call, 1, 0);
  need_choice(call, "reduction", {"mean", "sum"});
  flag(call, "logits");
  return {float32({})};
}

double flops(const OperatorCall& call, std::span<const TensorType> /*outputs*/) { return 3.0 * count(call.input(0)); }

// dloss, X, target
std::vector<TensorType> infer_grad(const OperatorCall& call) {
  need_float32(call);
  need_shape(call, 0, {}, "one number");
  need_same_shape(call, 2, 1);
  need_choice(call, "reduction", {"mean", "sum"});
  flag(call, "logits");
  return {call.input(1)};
}

double flops_grad(const OperatorCall& call, std::span<const TensorType> /*outputs*/) {
  return 3.0 * count(call.input(1));
}

TensorId add_grad(GradientBuilder& gradient) {
  return gradient.add(gradient.node().op->name + "Grad", "X",
                      {gradient.output_gradient(0), gradient.input(0), gradient.input(1)}, gradient.node().attributes);
}

// Both depend on the difference alone, so the target's gradient is the negative.
void differentiate_difference(GradientBuilder& gradient) {
  const TensorId dx = add_grad(gradient);
  if (gradient.wants(0)) gradient.set_input_gradient(0, dx);
  if (gradient.wants(1)) gradient.differentiate_input(1, "Neg", "target", {dx});
}

void differentiate_binary(GradientBuilder& gradient) {
  if (gradient.wants(0)) gradient.set_input_gradient(0, add_grad(gradient));
  if (!gradient.wants(1)) return;
  throw InputError("<graph>", Issue{gradient.node().name,
                                    "the target of BinaryCrossEntropy has no gradient, but a trained parameter leads "
                                    "to it"});
}

}  // namespace

std::vector<Operator> loss_operators() {
  const AttributeSpec reduction = {"reduction", AttributeKind::kString};
  std::vector<Operator> operators;
  const auto add_pair = [&](const std::string& name, const std::vector<AttributeSpec>& attributes,
                            decltype(Operator::differentiate) differentiate) {
    operators.push_back({.name = name,
                         .inputs = {2, 2},
                         .attributes = attributes,
                         .infer = infer,
                         .flops = flops,
                         .differentiate = differentiate});
    operators.push_back(
        {.name = name + "Grad", .inputs = {3, 3}, .attributes = attributes, .infer = infer_grad, .flops = flops_grad});
  };
  add_pair("MeanSquaredError", {reduction}, differentiate_difference);
  add_pair("MeanAbsoluteError", {reduction}, differentiate_difference);
  add_pair("BinaryCrossEntropy", {reduction, {"logits", AttributeKind::kInt}}, differentiate_binary);
  return operators;
}

}  // namespace mp
