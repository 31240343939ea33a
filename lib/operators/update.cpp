// Optimizer updates, once a step, in place. SGD: Sutskever et al., ICML 2013; Adam: Kingma, Ba, ICLR 2015;
// decoupled weight decay: Loshchilov, Hutter, ICLR 2019. The learning rate and the step's number come from the step.
#include <fmt/core.h>

#include <algorithm>

#include "lib/operators/families.hpp"
#include "lib/operators/shape_rules.hpp"

namespace mp {
namespace {

void need_below_one(const OperatorCall& call, std::string_view name, double fallback) {
  const double value = float_at_least(call, name, fallback, 0.0);
  if (value >= 1.0) throw ShapeError(fmt::format("attribute {} must be smaller than 1, not {}", name, value));
}

// A rounded copy of w, which the passes read in its stead: the last input and output, where there is one.
void check_copy(const OperatorCall& call, std::size_t input, std::size_t output) {
  if ((call.outputs > output) != call.has_input(input)) {
    throw ShapeError("the bfloat16 copy must be both input and output");
  }
  if (!call.has_input(input)) return;
  need_type(call, input, DataType::kBfloat16);
  need_same_shape(call, input, 0);
}

// The first `count` inputs are float32 and of one shape.
std::vector<TensorType> infer_states(const OperatorCall& call, std::size_t count) {
  return infer_all_same_shape({.inputs = call.inputs.first(std::min(count, call.inputs.size())),
                               .attributes = call.attributes,
                               .outputs = call.outputs});
}

// w, g, v?, copy? → w, v?, copy?
std::vector<TensorType> infer_sgd(const OperatorCall& call) {
  need_type(call, 0, DataType::kFloat32);
  need_below_one(call, "momentum", 0.0);
  float_at_least(call, "weight_decay", 0.0, 0.0);
  check_copy(call, 3, 2);
  const bool has_copy = call.has_input(3);  // an output behind the velocity's, wanted or not
  if (!has_copy && (call.outputs > 1) != call.has_input(2)) {
    throw ShapeError("the velocity must be both input and output");
  }
  const TensorType w = infer_states(call, 3)[0];
  return {w, w, {DataType::kBfloat16, w.shape}};
}

double flops_sgd(const OperatorCall& call, std::span<const TensorType> /*outputs*/) {
  return (call.has_input(2) ? 6.0 : 4.0) * count(call.input(0));
}

// w, g, m, v, copy? → w, m, v, copy?
std::vector<TensorType> infer_adam(const OperatorCall& call) {
  need_type(call, 0, DataType::kFloat32);
  need_below_one(call, "beta1", 0.9);
  need_below_one(call, "beta2", 0.999);
  float_at_least(call, "epsilon", 1e-8, 0.0);
  float_at_least(call, "weight_decay", 0.0, 0.0);
  flag(call, "decoupled");
  check_copy(call, 4, 3);
  const TensorType w = infer_states(call, 4)[0];
  return {w, w, w, {DataType::kBfloat16, w.shape}};
}

double flops_adam(const OperatorCall& call, std::span<const TensorType> /*outputs*/) {
  return 14.0 * count(call.input(0));
}

}  // namespace

std::vector<Operator> update_operators() {
  const auto number = [](const char* name) { return AttributeSpec{name, AttributeKind::kFloat}; };
  return {{.name = "SgdUpdate",
           .inputs = {2, 4},
           .outputs = {1, 3},
           .attributes = {number("momentum"), number("weight_decay")},
           .infer = infer_sgd,
           .flops = flops_sgd,
           .in_place = {{.output = 0, .input = 0}, {.output = 1, .input = 2}, {.output = 2, .input = 3}}},
          {.name = "AdamUpdate",
           .inputs = {4, 5},
           .outputs = {3, 4},
           .attributes = {number("beta1"),
                          number("beta2"),
                          number("epsilon"),
                          number("weight_decay"),
                          {"decoupled", AttributeKind::kInt}},
           .infer = infer_adam,
           .flops = flops_adam,
           .in_place = {{.output = 0, .input = 0},
                        {.output = 1, .input = 2},
                        {.output = 2, .input = 3},
                        {.output = 3, .input = 4}}}};
}

}  // namespace mp
