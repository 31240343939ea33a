// Slice and Pad, which undo each other: https://onnx.ai/onnx/operators/onnx__Slice.html, …/onnx__Pad.html
#include <fmt/core.h>

#include <algorithm>

#include "lib/operators/families.hpp"
#include "lib/operators/gradient.hpp"
#include "lib/operators/shape_rules.hpp"

namespace mp {
namespace {

// −extent … extent as 0 … extent; beyond is clamped.
std::int64_t clamped(std::int64_t at, std::int64_t extent) {
  return at < 0 ? std::max<std::int64_t>(at, -extent) + extent : std::min(at, extent);
}

Shape sliced(const OperatorCall& call, const Shape& from) {
  const std::vector<std::int64_t> starts = call.attributes.get_ints("starts", {});
  const std::vector<std::int64_t> ends = call.attributes.get_ints("ends", {});
  std::vector<std::int64_t> first_axes(starts.size());
  for (std::size_t i = 0; i < starts.size(); ++i) first_axes[i] = static_cast<std::int64_t>(i);
  const std::vector<std::int64_t> axes = call.attributes.get_ints("axes", first_axes);
  const std::vector<std::int64_t> steps = call.attributes.get_ints("steps", Shape(starts.size(), 1));
  if (starts.empty() || ends.size() != starts.size() || axes.size() != starts.size() || steps.size() != starts.size()) {
    throw ShapeError(fmt::format("starts, ends, axes and steps must be equally long, not {}, {}, {} and {}",
                                 starts.size(), ends.size(), axes.size(), steps.size()));
  }
  static_cast<void>(axes_within(axes, from.size()));
  Shape result = from;
  for (std::size_t i = 0; i < starts.size(); ++i) {
    if (steps[i] < 1) throw ShapeError(fmt::format("steps must be 1 or more, not {}", steps[i]));
    const std::size_t axis = axis_within(axes[i], from.size());
    const std::int64_t start = clamped(starts[i], from[axis]);
    const std::int64_t end = clamped(ends[i], from[axis]);
    if (end <= start) {
      throw ShapeError(
          fmt::format("nothing is left of axis {} of {}: {} to {}", axis, to_string(from), starts[i], ends[i]));
    }
    result[axis] = (end - start - 1) / steps[i] + 1;
  }
  return result;
}

std::vector<TensorType> infer_slice(const OperatorCall& call) {
  return {{call.input(0).type, sliced(call, call.input(0).shape)}};
}

std::vector<TensorType> infer_slice_grad(const OperatorCall& call) {
  need_one_float_type(call);
  const Shape from = shape_attribute(call, "shape");
  need_shape(call, 0, sliced(call, from), "what the slice gives");
  return {like(call, 0, from)};
}

void differentiate_slice(GradientBuilder& gradient) {
  Attributes attributes = gradient.node().attributes;
  attributes.set("shape", gradient.type(gradient.input(0)).shape);
  gradient.differentiate_input(0, "SliceGrad", "X", {gradient.output_gradient(0)}, attributes);
}

// How far beyond the tensor a mode can see.
void check_reach(std::string_view mode, std::int64_t extent, std::int64_t pad) {
  if (mode == "constant" || mode == "edge") return;
  const std::int64_t most = mode == "reflect" ? extent - 1 : extent;
  if (pad <= most) return;
  throw ShapeError(fmt::format("mode '{}' pads an extent of {} by {} at most, not {}", mode, extent, most, pad));
}

Shape padded(const OperatorCall& call, const Shape& from) {
  need_choice(call, "mode", {"constant", "reflect", "edge", "wrap"});
  const std::string mode = call.attributes.get_string("mode", "constant");
  const std::vector<std::int64_t> pads = call.attributes.get_ints("pads", {});
  if (pads.size() != 2 * from.size()) {
    throw ShapeError(fmt::format("attribute pads must have {} numbers for {} dimensions, not {}", 2 * from.size(),
                                 from.size(), pads.size()));
  }
  Shape result = from;
  for (std::size_t i = 0; i < pads.size(); ++i) {
    if (pads[i] < 0 || pads[i] > kMaxTensorBytes) {
      throw ShapeError(fmt::format("pads must be 0 or more (and no larger than a tensor), not {}", pads[i]));
    }
    check_reach(mode, from[i % from.size()], pads[i]);
    result[i % from.size()] += pads[i];
  }
  return result;
}

std::vector<TensorType> infer_pad(const OperatorCall& call) {
  need_one_float_type(call);
  return {like(call, 0, padded(call, call.input(0).shape))};
}

std::vector<TensorType> infer_pad_grad(const OperatorCall& call) {
  need_one_float_type(call);
  const Shape from = shape_attribute(call, "input_shape");
  need_shape(call, 0, padded(call, from), "what padding input_shape gives");
  return {like(call, 0, from)};
}

void differentiate_pad(GradientBuilder& gradient) {
  const Shape from = gradient.type(gradient.input(0)).shape;
  if (from.empty()) return gradient.set_input_gradient(0, gradient.output_gradient(0));
  if (gradient.node().attributes.get_string("mode", "constant") != "constant") {
    Attributes attributes = gradient.node().attributes;
    attributes.set("input_shape", from);
    return gradient.differentiate_input(0, "PadGrad", "X", {gradient.output_gradient(0)}, attributes);
  }
  const std::vector<std::int64_t> pads = gradient.node().attributes.get_ints("pads", {});
  std::vector<std::int64_t> starts(pads.begin(), pads.begin() + static_cast<std::ptrdiff_t>(from.size()));
  std::vector<std::int64_t> ends = starts;
  for (std::size_t i = 0; i < from.size(); ++i) ends[i] += from[i];
  gradient.differentiate_input(0, "Slice", "X", {gradient.output_gradient(0)}, {{"starts", starts}, {"ends", ends}});
}

}  // namespace

std::vector<Operator> slice_operators() {
  const std::vector<AttributeSpec> attributes = {{"starts", AttributeKind::kInts, true},
                                                 {"ends", AttributeKind::kInts, true},
                                                 {"axes", AttributeKind::kInts},
                                                 {"steps", AttributeKind::kInts}};
  std::vector<AttributeSpec> grad_attributes = attributes;
  grad_attributes.push_back({"shape", AttributeKind::kInts, true});
  const std::vector<AttributeSpec> pad_attributes = {
      {"pads", AttributeKind::kInts, true}, {"value", AttributeKind::kFloat}, {"mode", AttributeKind::kString}};
  std::vector<AttributeSpec> pad_grad_attributes = pad_attributes;
  pad_grad_attributes.push_back({"input_shape", AttributeKind::kInts, true});
  return {{.name = "Slice", .attributes = attributes, .infer = infer_slice, .differentiate = differentiate_slice},
          {.name = "SliceGrad", .attributes = std::move(grad_attributes), .infer = infer_slice_grad},
          {.name = "Pad", .attributes = pad_attributes, .infer = infer_pad, .differentiate = differentiate_pad},
          {.name = "PadGrad",
           .attributes = std::move(pad_grad_attributes),
           .infer = infer_pad_grad,
           .flops = one_flop_an_input}};
}

}  // namespace mp
