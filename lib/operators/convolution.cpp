// Conv, ConvTranspose: https://onnx.ai/onnx/operators/onnx__Conv.html, …/onnx__ConvTranspose.html
// The two are each other's gradient with the same weights, so one more operator, for the weights, is enough.
#include <fmt/core.h>

#include <algorithm>

#include "lib/operators/families.hpp"
#include "lib/operators/gradient.hpp"
#include "lib/operators/shape_rules.hpp"
#include "lib/operators/windows.hpp"

namespace mp {
namespace {

std::vector<AttributeSpec> convolution_attributes(bool kernel_required) {
  std::vector<AttributeSpec> specs = window_attributes(kernel_required);
  specs.push_back({"dilations", AttributeKind::kInts});
  specs.push_back({"group", AttributeKind::kInt});
  return specs;
}

Shape kernel_of(const Shape& weights) { return {weights.begin() + 2, weights.end()}; }

double volume(const Shape& shape) { return static_cast<double>(elements(shape)); }

std::int64_t group_of(const OperatorCall& call, std::int64_t channels, std::string_view what) {
  const std::int64_t group = int_at_least(call, "group", 1, 1);
  if (channels % group == 0) return group;
  throw ShapeError(fmt::format("group {} does not divide the {} {}", group, channels, what));
}

void check_bias(const OperatorCall& call, std::int64_t channels) {
  if (call.has_input(2)) need_shape(call, 2, {channels}, "one per output channel");
}

Shape with_spatial(std::int64_t batch, std::int64_t channels, const Shape& spatial) {
  Shape shape = {batch, channels};
  shape.insert(shape.end(), spatial.begin(), spatial.end());
  return shape;
}

std::vector<TensorType> infer_conv(const OperatorCall& call) {
  need_one_float_type(call);
  const Shape spatial = spatial_extents(call, 0);
  need_rank(call, 1, spatial.size() + 2, spatial.size() + 2);
  const Shape& x = call.input(0).shape;
  const Shape& w = call.input(1).shape;
  const std::int64_t group = group_of(call, x[1], "input channels");
  group_of(call, w[0], "output channels");
  if (w[1] != x[1] / group) {
    throw ShapeError(fmt::format("X {} has {} channels in {} groups, but W {} is for {} channels a group", to_string(x),
                                 x[1], group, to_string(w), w[1]));
  }
  check_bias(call, w[0]);
  const Windows windows = windows_of(call, spatial, kernel_of(w));
  return {like(call, 0, with_spatial(x[0], w[0], window_outputs(windows, spatial)))};
}

double flops_conv(const OperatorCall& call, std::span<const TensorType> outputs) {
  const Shape& w = call.input(1).shape;
  const double multiply_adds = count(outputs[0]) * static_cast<double>(w[1]) * volume(kernel_of(w));
  return 2.0 * multiply_adds + (call.has_input(2) ? count(outputs[0]) : 0.0);
}

std::vector<TensorType> infer_transposed(const OperatorCall& call) {
  need_one_float_type(call);
  const Shape spatial = spatial_extents(call, 0);
  need_rank(call, 1, spatial.size() + 2, spatial.size() + 2);
  const Shape& x = call.input(0).shape;
  const Shape& w = call.input(1).shape;
  if (w[0] != x[1]) {
    throw ShapeError(fmt::format("X {} has {} channels, but W {} is for {}", to_string(x), x[1], to_string(w), w[0]));
  }
  const std::int64_t group = group_of(call, x[1], "input channels");
  if (group > kMaxTensorBytes / w[1]) throw ShapeError(fmt::format("group {} is too large", group));
  check_bias(call, w[1] * group);
  const Windows windows = transposed_windows_of(call, spatial, kernel_of(w));
  const Shape output_padding = output_padding_of(call, spatial.size());
  return {like(call, 0, with_spatial(x[0], w[1] * group, transposed_outputs(windows, spatial, output_padding)))};
}

double flops_transposed(const OperatorCall& call, std::span<const TensorType> outputs) {
  const Shape& w = call.input(1).shape;
  const double multiply_adds = count(call.input(0)) * static_cast<double>(w[1]) * volume(kernel_of(w));
  return 2.0 * multiply_adds + (call.has_input(2) ? count(outputs[0]) : 0.0);
}

std::vector<TensorType> infer_weight_grad(const OperatorCall& call) {
  need_one_float_type(call);
  const Shape spatial = spatial_extents(call, 1);
  need_rank(call, 0, spatial.size() + 2, spatial.size() + 2);
  const Shape& dy = call.input(0).shape;
  const Shape& x = call.input(1).shape;
  const std::int64_t group = group_of(call, x[1], "input channels");
  const Windows windows = windows_of(call, spatial, {});
  need_shape(call, 0, with_spatial(x[0], dy[1], window_outputs(windows, spatial)), "what the convolution of X gives");
  return {float32(with_spatial(dy[1], x[1] / group, windows.kernel))};
}

double flops_weight_grad(const OperatorCall& call, std::span<const TensorType> outputs) {
  const Shape& dw = outputs[0].shape;
  return 2.0 * count(call.input(0)) * static_cast<double>(dw[1]) * volume(kernel_of(dw));
}

void differentiate_bias(GradientBuilder& gradient) {
  if (!gradient.wants(2)) return;
  const TensorId dy = gradient.output_gradient(0);
  std::vector<std::int64_t> axes;
  for (std::size_t axis = 0; axis < gradient.type(dy).shape.size(); ++axis) {
    if (axis != 1) axes.push_back(static_cast<std::int64_t>(axis));
  }
  gradient.differentiate_input(2, "ReduceSum", "B", {dy}, {{"axes", axes}, {"keepdims", std::int64_t{0}}});
}

using WindowsOf = Windows (*)(const OperatorCall& call, const Shape& input, const Shape& kernel);

// The forward node's windows, from its attributes and the shapes of X and W.
Windows forward_windows(const GradientBuilder& gradient, WindowsOf windows_of_kind) {
  const TensorType* none[] = {nullptr};
  return windows_of_kind({.inputs = none, .attributes = gradient.node().attributes, .outputs = 1},
                         kernel_of(gradient.type(gradient.input(0)).shape),
                         kernel_of(gradient.type(gradient.input(1)).shape));
}

// The attributes both directions share, with pads and the kernel's extents written out.
Attributes shared_attributes(const Attributes& from, const Windows& windows) {
  Attributes attributes;
  for (const char* name : {"strides", "dilations", "group"}) {
    const auto found = from.values().find(name);
    if (found != from.values().end()) attributes.set(name, found->second);
  }
  Shape pads = windows.pads_begin;
  pads.insert(pads.end(), windows.pads_end.begin(), windows.pads_end.end());
  const bool is_padded = std::any_of(pads.begin(), pads.end(), [](std::int64_t pad) { return pad != 0; });
  if (is_padded || from.has("pads")) attributes.set("pads", pads);
  attributes.set("kernel_shape", windows.kernel);
  return attributes;
}

// The output_padding with which transposed convolution of dY gives back X's extents: what the stride rounded off.
Shape rounded_off(const GradientBuilder& gradient, const Windows& windows) {
  const Shape x = gradient.type(gradient.input(0)).shape;
  const Shape dy = gradient.type(gradient.output_gradient(0)).shape;
  Shape padding;
  for (std::size_t i = 0; i + 2 < x.size(); ++i) {
    const std::int64_t covered = windows.strides[i] * (dy[i + 2] - 1) + windows.reach(i);
    padding.push_back(x[i + 2] + windows.pads_begin[i] + windows.pads_end[i] - covered);
  }
  return padding;
}

void differentiate_conv(GradientBuilder& gradient) {
  const TensorId x = gradient.input(0);
  const TensorId w = gradient.input(1);
  const TensorId dy = gradient.output_gradient(0);
  const Windows windows = forward_windows(gradient, windows_of);
  const Attributes attributes = shared_attributes(gradient.node().attributes, windows);
  if (gradient.wants(0)) {
    Attributes transposed = attributes;
    transposed.set("output_padding", rounded_off(gradient, windows));
    gradient.differentiate_input(0, "ConvTranspose", "X", {dy, w}, transposed);
  }
  if (gradient.wants(1)) gradient.differentiate_input(1, "ConvWeightGrad", "W", {dy, x}, attributes);
  differentiate_bias(gradient);
}

void differentiate_transposed(GradientBuilder& gradient) {
  const TensorId x = gradient.input(0);
  const TensorId w = gradient.input(1);
  const TensorId dy = gradient.output_gradient(0);
  const Attributes attributes =
      shared_attributes(gradient.node().attributes, forward_windows(gradient, transposed_windows_of));
  if (gradient.wants(0)) gradient.differentiate_input(0, "Conv", "X", {dy, w}, attributes);
  if (gradient.wants(1)) gradient.differentiate_input(1, "ConvWeightGrad", "W", {x, dy}, attributes);
  differentiate_bias(gradient);
}

}  // namespace

std::vector<Operator> convolution_operators() {
  std::vector<AttributeSpec> transposed_attributes = convolution_attributes(false);
  transposed_attributes.push_back({"output_padding", AttributeKind::kInts});
  transposed_attributes.push_back({"output_shape", AttributeKind::kInts});
  return {{.name = "Conv",
           .inputs = {2, 3},
           .attributes = convolution_attributes(false),
           .infer = infer_conv,
           .flops = flops_conv,
           .differentiate = differentiate_conv,
           .work = WorkClass::kConvolution},
          {.name = "ConvTranspose",
           .inputs = {2, 3},
           .attributes = std::move(transposed_attributes),
           .infer = infer_transposed,
           .flops = flops_transposed,
           .differentiate = differentiate_transposed,
           .work = WorkClass::kConvolution},
          {.name = "ConvWeightGrad",
           .inputs = {2, 2},
           .attributes = convolution_attributes(true),
           .infer = infer_weight_grad,
           .flops = flops_weight_grad,
           .work = WorkClass::kConvolution}};
}

}  // namespace mp
