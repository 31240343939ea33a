// Transpose, Concat, Split, Expand: bytes moved, none computed. https://onnx.ai/onnx/operators/
#include <fmt/core.h>

#include <algorithm>
#include <numeric>

#include "lib/operators/families.hpp"
#include "lib/operators/gradient.hpp"
#include "lib/operators/shape_rules.hpp"

namespace mp {
namespace {

std::vector<std::int64_t> permutation(const Attributes& attributes, std::size_t rank) {
  std::vector<std::int64_t> reversed(rank);
  std::iota(reversed.rbegin(), reversed.rend(), std::int64_t{0});
  return attributes.get_ints("perm", reversed);
}

std::vector<TensorType> infer_transpose(const OperatorCall& call) {
  const Shape& from = call.input(0).shape;
  const std::vector<std::int64_t> perm = permutation(call.attributes, from.size());
  std::vector<std::int64_t> sorted = perm;
  std::sort(sorted.begin(), sorted.end());
  bool all = sorted.size() == from.size();
  for (std::size_t i = 0; all && i < sorted.size(); ++i) all = sorted[i] == static_cast<std::int64_t>(i);
  if (!all) {
    throw ShapeError(fmt::format("attribute perm must order the axes of {}, not {}", to_string(from), to_string(perm)));
  }
  Shape result;
  for (const std::int64_t axis : perm) result.push_back(from[static_cast<std::size_t>(axis)]);
  return {{call.input(0).type, std::move(result)}};
}

void differentiate_transpose(GradientBuilder& gradient) {
  const std::vector<std::int64_t> perm =
      permutation(gradient.node().attributes, gradient.type(gradient.input(0)).shape.size());
  std::vector<std::int64_t> inverse(perm.size());
  for (std::size_t i = 0; i < perm.size(); ++i)
    inverse[static_cast<std::size_t>(perm[i])] = static_cast<std::int64_t>(i);
  gradient.differentiate_input(0, "Transpose", "X", {gradient.output_gradient(0)}, {{"perm", inverse}});
}

std::vector<TensorType> infer_concat(const OperatorCall& call) {
  const TensorType& first = call.input(0);
  const std::size_t axis = axis_within(call.attributes.get_int("axis", 0), first.shape.size());
  TensorType result = first;
  result.shape[axis] = 0;
  for (std::size_t i = 0; i < call.inputs.size(); ++i) {
    need_type(call, i, first.type);
    Shape shape = call.input(i).shape;
    if (shape.size() != first.shape.size()) {
      throw ShapeError(fmt::format("inputs 0 {} and {} {} have different numbers of dimensions", to_string(first.shape),
                                   i, to_string(shape)));
    }
    result.shape[axis] += shape[axis];  // each at most kMaxTensorBytes, so 2²¹ of them fit
    if (result.shape[axis] > kMaxTensorBytes) throw ShapeError("the result is too large");
    shape[axis] = first.shape[axis];
    if (shape != first.shape) {
      throw ShapeError(fmt::format("inputs 0 {} and {} {} differ in more than axis {}", to_string(first.shape), i,
                                   to_string(call.input(i).shape), axis));
    }
  }
  return {std::move(result)};
}

void differentiate_concat(GradientBuilder& gradient) {
  const std::size_t inputs = gradient.node().inputs.size();
  const TensorId dy = gradient.output_gradient(0);
  if (inputs == 1) return gradient.set_input_gradient(0, dy);
  const std::size_t axis = axis_within(gradient.node().attributes.get_int("axis", 0), gradient.type(dy).shape.size());
  std::vector<std::int64_t> sizes;
  std::vector<std::string> whats;
  for (std::size_t i = 0; i < inputs; ++i) {
    sizes.push_back(gradient.type(gradient.input(i)).shape[axis]);
    whats.push_back(gradient.wants(i) ? std::to_string(i) : "");
  }
  const std::vector<TensorId> parts =
      gradient.add_many("Split", {dy}, whats, {{"axis", static_cast<std::int64_t>(axis)}, {"split", sizes}});
  for (std::size_t i = 0; i < inputs; ++i) {
    if (gradient.wants(i)) gradient.set_input_gradient(i, parts[i]);
  }
}

std::vector<std::int64_t> split_sizes(const OperatorCall& call, std::int64_t extent) {
  const auto parts = static_cast<std::int64_t>(call.outputs);
  if (!call.attributes.has("split")) {
    if (extent % parts == 0) return std::vector<std::int64_t>(call.outputs, extent / parts);
    throw ShapeError(fmt::format("{} equal parts of {} do not exist: give the attribute split", parts, extent));
  }
  std::vector<std::int64_t> sizes = call.attributes.get_ints("split", {});
  std::int64_t left = extent;
  for (const std::int64_t size : sizes) left = size < 1 || size > left ? -1 : left - size;
  if (left != 0 || sizes.size() != call.outputs) {
    throw ShapeError(
        fmt::format("attribute split must be {} sizes that add up to {}, not {}", parts, extent, to_string(sizes)));
  }
  return sizes;
}

std::vector<TensorType> infer_split(const OperatorCall& call) {
  const TensorType& from = call.input(0);
  const std::size_t axis = axis_within(call.attributes.get_int("axis", 0), from.shape.size());
  std::vector<TensorType> results;
  for (const std::int64_t size : split_sizes(call, from.shape[axis])) {
    results.push_back(from);
    results.back().shape[axis] = size;
  }
  return results;
}

// Parts that nothing differentiable reads contribute zeros.
void differentiate_split(GradientBuilder& gradient) {
  const std::int64_t axis = gradient.node().attributes.get_int("axis", 0);
  const Shape from = gradient.type(gradient.input(0)).shape;
  const std::vector<std::int64_t> sizes = gradient.node().attributes.get_ints(
      "split", Shape(gradient.node().outputs.size(),
                     from[axis_within(axis, from.size())] / static_cast<std::int64_t>(gradient.node().outputs.size())));
  std::vector<TensorId> parts;
  for (std::size_t i = 0; i < gradient.node().outputs.size(); ++i) {
    TensorId part = gradient.output_gradient(i);
    if (part == kNone<TensorId>) {
      Shape shape = from;
      shape[axis_within(axis, from.size())] = sizes[i];
      part = gradient.add("Constant", "zero", {}, {{"value_float", 0.0}, {"shape", shape}});
    }
    parts.push_back(part);
  }
  gradient.differentiate_input(0, "Concat", "X", parts, {{"axis", axis}});
}

std::vector<TensorType> infer_expand(const OperatorCall& call) {
  return {{call.input(0).type, broadcast(call.input(0).shape, shape_attribute(call, "shape"))}};
}

void differentiate_expand(GradientBuilder& gradient) {
  gradient.set_broadcast_gradient(0, gradient.output_gradient(0), "X");
}

}  // namespace

std::vector<Operator> movement_operators() {
  return {{.name = "Transpose",
           .attributes = {{"perm", AttributeKind::kInts}},
           .infer = infer_transpose,
           .differentiate = differentiate_transpose},
          {.name = "Concat",
           .inputs = {1, kAnyNumber},
           .attributes = {{"axis", AttributeKind::kInt, true}},
           .infer = infer_concat,
           .differentiate = differentiate_concat},
          {.name = "Split",
           .outputs = {1, kAnyNumber},
           .attributes = {kAxisAttribute, {"split", AttributeKind::kInts}},
           .infer = infer_split,
           .differentiate = differentiate_split},
          {.name = "Expand",
           .attributes = {{"shape", AttributeKind::kInts, true}},
           .infer = infer_expand,
           .differentiate = differentiate_expand}};
}

}  // namespace mp
