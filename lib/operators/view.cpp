// Reshape, Flatten, Squeeze, Unsqueeze, Identity: the same bytes under another shape. https://onnx.ai/onnx/operators/
#include <fmt/core.h>

#include <algorithm>

#include "lib/operators/families.hpp"
#include "lib/operators/gradient.hpp"
#include "lib/operators/parts.hpp"
#include "lib/operators/shape_rules.hpp"

namespace mp {
namespace {

[[noreturn]] void no_fit(const Shape& from, const Shape& wanted) {
  throw ShapeError(
      fmt::format("{} elements of {} do not fit the shape {}", elements(from), to_string(from), to_string(wanted)));
}

std::vector<TensorType> infer_reshape(const OperatorCall& call) {
  const Shape& from = call.input(0).shape;
  const Shape wanted = call.attributes.get_ints("shape", {});
  Shape result = wanted;
  std::size_t unknown = result.size();
  for (std::size_t i = 0; i < result.size(); ++i) {
    if (result[i] == 0 && i < from.size()) result[i] = from[i];
    if (result[i] == -1 && unknown == result.size()) {
      unknown = i;
      result[i] = 1;
    }
  }
  const std::optional<std::int64_t> known = checked_elements(result);
  if (!known || *known == 0) no_fit(from, wanted);
  if (unknown < result.size() && elements(from) % *known == 0) result[unknown] = elements(from) / *known;
  if (checked_elements(result) != elements(from)) no_fit(from, wanted);
  return {{call.input(0).type, std::move(result)}};
}

std::vector<TensorType> infer_flatten(const OperatorCall& call) {
  const Shape& from = call.input(0).shape;
  const std::int64_t axis = call.attributes.get_int("axis", 1);
  const auto rank = static_cast<std::int64_t>(from.size());
  if (axis < -rank || axis > rank) throw ShapeError(fmt::format("axis {} does not exist in {} dimensions", axis, rank));
  const auto middle = from.begin() + static_cast<std::ptrdiff_t>(axis < 0 ? axis + rank : axis);
  return {{call.input(0).type, {elements({from.begin(), middle}), elements({middle, from.end()})}}};
}

std::vector<TensorType> infer_squeeze(const OperatorCall& call) {
  const Shape& from = call.input(0).shape;
  const std::vector<std::int64_t> axes = call.attributes.get_ints("axes", {});
  std::vector<bool> dropped(from.size(), false);
  for (const std::size_t axis : axes_within(axes, from.size())) {
    dropped[axis] = from[axis] == 1;
    if (!axes.empty() && from[axis] != 1) {
      throw ShapeError(fmt::format("axis {} of {} has the extent {}, not 1", axis, to_string(from), from[axis]));
    }
  }
  Shape result;
  for (std::size_t axis = 0; axis < from.size(); ++axis) {
    if (!dropped[axis]) result.push_back(from[axis]);
  }
  return {{call.input(0).type, std::move(result)}};
}

std::vector<TensorType> infer_unsqueeze(const OperatorCall& call) {
  const std::vector<std::int64_t> axes = call.attributes.get_ints("axes", {});
  if (axes.empty()) throw ShapeError("attribute axes must name at least one axis");
  const std::size_t rank = call.input(0).shape.size() + axes.size();
  if (rank > kMaxRank) throw ShapeError(fmt::format("{} dimensions are more than {}", rank, kMaxRank));
  Shape result = call.input(0).shape;
  for (const std::size_t axis : axes_within(axes, rank)) {
    result.insert(result.begin() + static_cast<std::ptrdiff_t>(axis), 1);
  }
  return {{call.input(0).type, std::move(result)}};
}

std::vector<TensorType> infer_identity(const OperatorCall& call) { return {call.input(0)}; }

void differentiate(GradientBuilder& gradient) {
  gradient.set_input_gradient(
      0, gradient.reshaped(gradient.output_gradient(0), gradient.type(gradient.input(0)).shape, "X"));
}

// The last axis, where it is left alone: "shape" says its extent, or leaves it to be found.
PartsAnswer reshape_in_parts(const PartsRequest& request) {
  const Shape& from = request.call.input(0).shape;
  const Shape& to = request.output.shape;
  const bool is_last = request.axis + 1 == static_cast<std::int64_t>(to.size());
  if (!is_last || from.empty() || from.back() != to.back()) return {};
  PartsAnswer answer{.operands = {{static_cast<std::int64_t>(from.size()) - 1, request.sizes}}, .attributes = {}};
  for (const std::int64_t size : request.sizes) {
    Attributes& attributes = answer.attributes.emplace_back(request.call.attributes);
    Shape shape = attributes.get_ints("shape", {});
    if (shape.back() > 0) shape.back() = size;
    if (shape.back() == 0 && from.size() != to.size()) return {};  // 0 copies the extent at the same position
    attributes.set("shape", std::move(shape));
  }
  return answer;
}

Operator view(std::string name, std::vector<AttributeSpec> attributes, decltype(Operator::infer) infer,
              decltype(Operator::in_parts) in_parts = nullptr) {
  return {.name = std::move(name),
          .attributes = std::move(attributes),
          .infer = infer,
          .differentiate = differentiate,
          .in_parts = in_parts,
          .is_view = true};
}

}  // namespace

std::vector<Operator> view_operators() {
  return {view("Reshape", {{"shape", AttributeKind::kInts, true}}, infer_reshape, reshape_in_parts),
          view("Flatten", {kAxisAttribute}, infer_flatten),
          view("Squeeze", {{"axes", AttributeKind::kInts}}, infer_squeeze),
          view("Unsqueeze", {{"axes", AttributeKind::kInts, true}}, infer_unsqueeze),
          view("Identity", {}, infer_identity, elementwise_in_parts)};
}

}  // namespace mp
