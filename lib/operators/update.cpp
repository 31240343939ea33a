// Optimizer updates, once a step, in place. SGD: Sutskever et al., ICML 2013; Adam: Kingma, Ba, ICLR 2015;
// decoupled weight decay: Loshchilov, Hutter, ICLR 2019. The learning rate and the step's number come from the step.
#include <fmt/core.h>

#include "lib/operators/families.hpp"
#include "lib/operators/shape_rules.hpp"

namespace mp {
namespace {

void need_below_one(const OperatorCall& call, std::string_view name, double fallback) {
  const double value = float_at_least(call, name, fallback, 0.0);
  if (value >= 1.0) throw ShapeError(fmt::format("attribute {} must be smaller than 1, not {}", name, value));
}

// w, g, v? → w, v?
std::vector<TensorType> infer_sgd(const OperatorCall& call) {
  need_below_one(call, "momentum", 0.0);
  float_at_least(call, "weight_decay", 0.0, 0.0);
  if ((call.outputs > 1) != call.has_input(2)) throw ShapeError("the velocity must be both input and output");
  std::vector<TensorType> types = infer_all_same_shape(call);
  types.push_back(types[0]);
  return types;
}

double flops_sgd(const OperatorCall& call, std::span<const TensorType> /*outputs*/) {
  return (call.has_input(2) ? 6.0 : 4.0) * count(call.input(0));
}

// w, g, m, v → w, m, v
std::vector<TensorType> infer_adam(const OperatorCall& call) {
  need_below_one(call, "beta1", 0.9);
  need_below_one(call, "beta2", 0.999);
  float_at_least(call, "epsilon", 1e-8, 0.0);
  float_at_least(call, "weight_decay", 0.0, 0.0);
  flag(call, "decoupled");
  const std::vector<TensorType> types = infer_all_same_shape(call);
  return {types[0], types[0], types[0]};
}

double flops_adam(const OperatorCall& call, std::span<const TensorType> /*outputs*/) {
  return 14.0 * count(call.input(0));
}

}  // namespace

std::vector<Operator> update_operators() {
  const auto number = [](const char* name) { return AttributeSpec{name, AttributeKind::kFloat}; };
  return {{.name = "SgdUpdate",
           .inputs = {2, 3},
           .outputs = {1, 2},
           .attributes = {number("momentum"), number("weight_decay")},
           .infer = infer_sgd,
           .flops = flops_sgd,
           .in_place = {{.output = 0, .input = 0}, {.output = 1, .input = 2}}},
          {.name = "AdamUpdate",
           .inputs = {4, 4},
           .outputs = {3, 3},
           .attributes = {number("beta1"),
                          number("beta2"),
                          number("epsilon"),
                          number("weight_decay"),
                          {"decoupled", AttributeKind::kInt}},
           .infer = infer_adam,
           .flops = flops_adam,
           .in_place = {{.output = 0, .input = 0}, {.output = 1, .input = 2}, {.output = 2, .input = 3}}}};
}

}  // namespace mp
