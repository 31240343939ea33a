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
  need_float32(call);
  const Shape from = shape_attribute(call, "shape");
  need_shape(call, 0, sliced(call, from), "what the slice gives");
  return {float32(from)};
}

void differentiate_slice(GradientBuilder& gradient) {
  Attributes attributes = gradient.node().attributes;
  attributes.set("shape", gradient.type(gradient.input(0)).shape);
  gradient.differentiate_input(0, "SliceGrad", "X", {gradient.output_gradient(0)}, attributes);
}

std::vector<TensorType> infer_pad(const OperatorCall& call) {
  need_float32(call);
  need_choice(call, "mode", {"constant"});
  const Shape& from = call.input(0).shape;
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
    result[i % from.size()] += pads[i];
  }
  return {float32(std::move(result))};
}

void differentiate_pad(GradientBuilder& gradient) {
  const Shape from = gradient.type(gradient.input(0)).shape;
  if (from.empty()) return gradient.set_input_gradient(0, gradient.output_gradient(0));
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
  return {{.name = "Slice", .attributes = attributes, .infer = infer_slice, .differentiate = differentiate_slice},
          {.name = "SliceGrad", .attributes = std::move(grad_attributes), .infer = infer_slice_grad},
          {.name = "Pad",
           .attributes = {{"pads", AttributeKind::kInts, true},
                          {"value", AttributeKind::kFloat},
                          {"mode", AttributeKind::kString}},
           .infer = infer_pad,
           .differentiate = differentiate_pad}};
}

}  // namespace mp
