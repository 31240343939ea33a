// MaxPool, AveragePool, GlobalAveragePool: https://onnx.ai/onnx/operators/
#include <fmt/core.h>

#include <algorithm>

#include "lib/operators/families.hpp"
#include "lib/operators/gradient.hpp"
#include "lib/operators/shape_rules.hpp"
#include "lib/operators/windows.hpp"

namespace mp {
namespace {

std::vector<AttributeSpec> pool_attributes() {
  std::vector<AttributeSpec> specs = window_attributes(true);
  specs.push_back({"ceil_mode", AttributeKind::kInt});
  specs.push_back({"dilations", AttributeKind::kInts});
  return specs;
}

const AttributeSpec kCountPad = {"count_include_pad", AttributeKind::kInt};
const AttributeSpec kInputShape = {"input_shape", AttributeKind::kInts, true};

// Shape of the pooling of an input with shape `x`.
Shape pooled(const OperatorCall& call, const Shape& x) {
  const Shape spatial(x.begin() + 2, x.end());
  const Windows windows = windows_of(call, spatial, {});
  for (std::size_t i = 0; i < spatial.size(); ++i) {
    if (windows.pads_begin[i] >= windows.reach(i) || windows.pads_end[i] >= windows.reach(i)) {
      throw ShapeError(fmt::format("pads {} must be smaller than the kernel's reach {}",
                                   std::max(windows.pads_begin[i], windows.pads_end[i]), windows.reach(i)));
    }
  }
  Shape result = {x[0], x[1]};
  const Shape outputs = window_outputs(windows, spatial, flag(call, "ceil_mode"));
  result.insert(result.end(), outputs.begin(), outputs.end());
  return result;
}

std::vector<TensorType> infer_pool(const OperatorCall& call) {
  need_one_float_type(call);
  need_rank(call, 0, 3, 4);
  flag(call, "count_include_pad");
  return {like(call, 0, pooled(call, call.input(0).shape))};
}

double flops_pool(const OperatorCall& call, std::span<const TensorType> outputs) {
  const std::vector<std::int64_t> kernel = call.attributes.get_ints("kernel_shape", {});
  return count(outputs[0]) * static_cast<double>(elements(kernel));
}

double flops_pool_grad(const OperatorCall& call, std::span<const TensorType> /*outputs*/) {
  return count(call.input(0)) * static_cast<double>(elements(call.attributes.get_ints("kernel_shape", {})));
}

std::vector<TensorType> infer_max_grad(const OperatorCall& call) {
  need_one_float_type(call);
  need_rank(call, 1, 3, 4);
  need_shape(call, 0, pooled(call, call.input(1).shape), "what pooling X gives");
  return {call.input(1)};
}

Shape input_shape(const OperatorCall& call, std::size_t least) {
  Shape shape = shape_attribute(call, "input_shape");
  if (shape.size() < least || shape.size() > 4) {
    throw ShapeError(fmt::format("input_shape must have {} to 4 dimensions, not {}", least, to_string(shape)));
  }
  return shape;
}

std::vector<TensorType> infer_average_grad(const OperatorCall& call) {
  need_one_float_type(call);
  flag(call, "count_include_pad");
  const Shape x = input_shape(call, 3);
  need_shape(call, 0, pooled(call, x), "what pooling input_shape gives");
  return {like(call, 0, x)};
}

Shape globally_pooled(const Shape& x) {
  Shape result(x.size(), 1);
  result[0] = x[0];
  result[1] = x[1];
  return result;
}

std::vector<TensorType> infer_global(const OperatorCall& call) {
  need_one_float_type(call);
  need_rank(call, 0, 3, 4);
  return {like(call, 0, globally_pooled(call.input(0).shape))};
}

std::vector<TensorType> infer_global_grad(const OperatorCall& call) {
  need_one_float_type(call);
  const Shape x = input_shape(call, 3);
  need_shape(call, 0, globally_pooled(x), "one per channel of input_shape");
  return {like(call, 0, x)};
}

void differentiate_max(GradientBuilder& gradient) {
  gradient.differentiate_input(0, "MaxPoolGrad", "X", {gradient.output_gradient(0), gradient.input(0)},
                               gradient.node().attributes);
}

void differentiate_average(GradientBuilder& gradient) {
  const bool is_global = gradient.node().op->name == "GlobalAveragePool";
  Attributes attributes = gradient.node().attributes;
  attributes.set("input_shape", gradient.type(gradient.input(0)).shape);
  gradient.differentiate_input(0, is_global ? "GlobalAveragePoolGrad" : "AveragePoolGrad", "X",
                               {gradient.output_gradient(0)}, attributes);
}

}  // namespace

std::vector<Operator> pooling_operators() {
  std::vector<AttributeSpec> average_attributes = pool_attributes();
  average_attributes.push_back(kCountPad);
  std::vector<AttributeSpec> average_grad_attributes = average_attributes;
  average_grad_attributes.push_back(kInputShape);
  return {{.name = "MaxPool",
           .attributes = pool_attributes(),
           .infer = infer_pool,
           .flops = flops_pool,
           .differentiate = differentiate_max},
          {.name = "MaxPoolGrad",
           .inputs = {2, 2},
           .attributes = pool_attributes(),
           .infer = infer_max_grad,
           .flops = flops_pool_grad},
          {.name = "AveragePool",
           .attributes = std::move(average_attributes),
           .infer = infer_pool,
           .flops = flops_pool,
           .differentiate = differentiate_average},
          {.name = "AveragePoolGrad",
           .attributes = std::move(average_grad_attributes),
           .infer = infer_average_grad,
           .flops = flops_pool_grad},
          {.name = "GlobalAveragePool",
           .infer = infer_global,
           .flops = one_flop_an_input,
           .differentiate = differentiate_average},
          {.name = "GlobalAveragePoolGrad",
           .attributes = {kInputShape},
           .infer = infer_global_grad,
           .flops = one_flop_an_output}};
}

}  // namespace mp
