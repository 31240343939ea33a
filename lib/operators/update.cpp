// Optimizer updates, once a step, in place. SGD: Sutskever et al., ICML 2013; Adam: Kingma, Ba, ICLR 2015;
// decoupled weight decay: Loshchilov, Hutter, ICLR 2019. The learning rate and the step's number come from the step.
// What clips gradients by their global norm: Pascanu, Mikolov, Bengio, ICML 2013.
#include <fmt/core.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "lib/operators/families.hpp"
#include "lib/operators/gradient_norm.hpp"
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

// What all updates have: `operands` inputs of one shape, then maybe a copy, then maybe a factor of the gradient.
TensorType infer_update(const OperatorCall& call, std::size_t operands, std::size_t copy_output) {
  float_at_least(call, "weight_decay", 0.0, 0.0);
  float_at_least(call, "learning_rate_factor", 1.0, 0.0);
  for (std::size_t i = 0; i < operands; ++i) {
    if (!call.has_input(i)) continue;
    need_type(call, i, DataType::kFloat32);
    if (i > 0) need_same_shape(call, i, 0);
  }
  check_copy(call, operands, copy_output);
  if (call.has_input(operands + 1)) {
    need_type(call, operands + 1, DataType::kFloat32);
    need_shape(call, operands + 1, {}, "one factor of the gradient");
  }
  return call.input(0);
}

// w, g, v?, copy?, factor? → w, v?, copy?
std::vector<TensorType> infer_sgd(const OperatorCall& call) {
  need_type(call, 0, DataType::kFloat32);
  need_below_one(call, "momentum", 0.0);
  const bool has_copy = call.has_input(3);  // an output behind the velocity's, wanted or not
  if (!has_copy && (call.outputs > 1) != call.has_input(2)) {
    throw ShapeError("the velocity must be both input and output");
  }
  const TensorType w = infer_update(call, 3, 2);
  return {w, w, {DataType::kBfloat16, w.shape}};
}

double flops_sgd(const OperatorCall& call, std::span<const TensorType> /*outputs*/) {
  return (call.has_input(2) ? 6.0 : 4.0) * count(call.input(0));
}

// w, g, m, v, copy?, factor? → w, m, v, copy?
std::vector<TensorType> infer_adam(const OperatorCall& call) {
  need_type(call, 0, DataType::kFloat32);
  need_below_one(call, "beta1", 0.9);
  need_below_one(call, "beta2", 0.999);
  float_at_least(call, "epsilon", 1e-8, 0.0);
  flag(call, "decoupled");
  const TensorType w = infer_update(call, 4, 3);
  return {w, w, w, {DataType::kBfloat16, w.shape}};
}

double flops_adam(const OperatorCall& call, std::span<const TensorType> /*outputs*/) {
  return 14.0 * count(call.input(0));
}

// g₀, g₁, … → the norms of the pieces of g₀, of g₁, …
std::vector<TensorType> infer_l2(const OperatorCall& call) {
  need_float32(call);
  std::int64_t norms = 0;
  for (const TensorType* input : call.inputs) norms += norms_of(elements(input->shape));
  return {float32({norms})};
}

double flops_l2(const OperatorCall& call, std::span<const TensorType> /*outputs*/) {
  double flops = 0.0;
  for (const TensorType* input : call.inputs) flops += 2.0 * count(*input);
  return flops;
}

// Vectors of norms → norm of all, factor
std::vector<TensorType> infer_norm(const OperatorCall& call) {
  need_float32(call);
  std::int64_t norms = 0;
  for (std::size_t i = 0; i < call.inputs.size(); ++i) {
    need_rank(call, i, 1, 1);
    norms += call.input(i).shape[0];
  }
  float_at_least(call, "clip_norm", 0.0, 0.0);
  std::vector<std::int64_t> order = call.attributes.get_ints("order", {});
  std::sort(order.begin(), order.end());
  bool is_permutation = static_cast<std::int64_t>(order.size()) == norms;
  for (std::size_t i = 0; i < order.size(); ++i) {
    is_permutation = is_permutation && order[i] == static_cast<std::int64_t>(i);
  }
  if (!is_permutation) throw ShapeError(fmt::format("attribute order must name each of the {} norms once", norms));
  return {float32({}), float32({})};
}

double flops_norm(const OperatorCall& call, std::span<const TensorType> /*outputs*/) {
  double flops = 0.0;
  for (const TensorType* input : call.inputs) flops += count(*input);
  return flops;
}

// Needed for gradient clipping: lib/program/clip_gradients.hpp.
std::vector<Operator> clipping_operators() {
  return {{.name = "GradientL2", .inputs = {1, kAnyNumber}, .outputs = {1, 1}, .infer = infer_l2, .flops = flops_l2},
          {.name = "GradientNorm",
           .inputs = {1, kAnyNumber},
           .outputs = {2, 2},
           .attributes = {{"clip_norm", AttributeKind::kFloat, true}, {"order", AttributeKind::kInts, true}},
           .infer = infer_norm,
           .flops = flops_norm}};
}

std::vector<Operator> optimizer_operators() {
  const auto number = [](const char* name) { return AttributeSpec{name, AttributeKind::kFloat}; };
  return {{.name = "SgdUpdate",
           .inputs = {2, 5},
           .outputs = {1, 3},
           .attributes = {number("momentum"), number("weight_decay"), number("learning_rate_factor")},
           .infer = infer_sgd,
           .flops = flops_sgd,
           .in_place = {{.output = 0, .input = 0}, {.output = 1, .input = 2}, {.output = 2, .input = 3}}},
          {.name = "AdamUpdate",
           .inputs = {4, 6},
           .outputs = {3, 4},
           .attributes = {number("beta1"),
                          number("beta2"),
                          number("epsilon"),
                          number("weight_decay"),
                          number("learning_rate_factor"),
                          {"decoupled", AttributeKind::kInt}},
           .infer = infer_adam,
           .flops = flops_adam,
           .in_place = {{.output = 0, .input = 0},
                        {.output = 1, .input = 2},
                        {.output = 2, .input = 3},
                        {.output = 3, .input = 4}}}};
}

}  // namespace

std::vector<Operator> update_operators() {
  std::vector<Operator> operators = optimizer_operators();
  for (Operator& op : clipping_operators()) operators.push_back(std::move(op));
  return operators;
}

}  // namespace mp
