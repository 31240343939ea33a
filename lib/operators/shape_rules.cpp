#include "lib/operators/shape_rules.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>

namespace mp {

void need_float32(const OperatorCall& call) {
  for (std::size_t i = 0; i < call.inputs.size(); ++i) {
    if (call.has_input(i)) need_type(call, i, DataType::kFloat32);
  }
}

void need_float(const OperatorCall& call, std::size_t input) {
  if (call.input(input).type != DataType::kBfloat16) need_type(call, input, DataType::kFloat32);
}

void need_one_float_type(const OperatorCall& call) { need_float_values(call, call.inputs.size()); }

void need_float_values(const OperatorCall& call, std::size_t values) {
  std::size_t first = 0;
  while (first < values && !call.has_input(first)) ++first;
  for (std::size_t i = first; i < call.inputs.size(); ++i) {
    if (!call.has_input(i)) continue;
    if (i == first) need_float(call, i);
    need_type(call, i, i < values ? call.input(first).type : DataType::kFloat32);
  }
}

void need_type(const OperatorCall& call, std::size_t input, DataType type) {
  if (call.input(input).type == type) return;
  throw ShapeError(fmt::format("input {} must be {}, not {}", input, name_of(type), to_string(call.input(input))));
}

void need_rank(const OperatorCall& call, std::size_t input, std::size_t least, std::size_t most) {
  const std::size_t rank = call.input(input).shape.size();
  if (rank >= least && rank <= most) return;
  const std::string range = least == most      ? fmt::format("{}", least)
                            : most >= kMaxRank ? fmt::format("{} or more", least)
                                               : fmt::format("{} to {}", least, most);
  throw ShapeError(
      fmt::format("input {} must have {} dimensions, not {}: {}", input, range, rank, to_string(call.input(input))));
}

void need_shape(const OperatorCall& call, std::size_t input, const Shape& shape, std::string_view expected) {
  if (call.input(input).shape == shape) return;
  throw ShapeError(fmt::format("input {} must have the shape {} ({}), not {}", input, to_string(shape), expected,
                               to_string(call.input(input).shape)));
}

void need_same_shape(const OperatorCall& call, std::size_t input, std::size_t other) {
  need_shape(call, input, call.input(other).shape, fmt::format("that of input {}", other));
}

std::size_t axis_within(std::int64_t axis, std::size_t rank) {
  const auto signed_rank = static_cast<std::int64_t>(rank);
  if (axis >= -signed_rank && axis < signed_rank) return static_cast<std::size_t>(axis < 0 ? axis + signed_rank : axis);
  throw ShapeError(fmt::format("axis {} does not exist in {} dimensions", axis, rank));
}

std::vector<std::size_t> axes_within(const std::vector<std::int64_t>& axes, std::size_t rank) {
  std::vector<std::size_t> result;
  if (axes.empty()) {
    for (std::size_t axis = 0; axis < rank; ++axis) result.push_back(axis);
    return result;
  }
  for (const std::int64_t axis : axes) result.push_back(axis_within(axis, rank));
  std::sort(result.begin(), result.end());
  if (std::adjacent_find(result.begin(), result.end()) != result.end()) {
    throw ShapeError(fmt::format("axes {} name one axis twice", to_string(axes)));
  }
  return result;
}

Shape broadcast(const Shape& a, const Shape& b) {
  Shape result(std::max(a.size(), b.size()), 1);
  const auto extent = [&](const Shape& shape, std::size_t axis) {
    const std::size_t missing = result.size() - shape.size();
    return axis < missing ? std::int64_t{1} : shape[axis - missing];
  };
  for (std::size_t axis = 0; axis < result.size(); ++axis) {
    const std::int64_t x = extent(a, axis);
    const std::int64_t y = extent(b, axis);
    if (x != y && x != 1 && y != 1) {
      throw ShapeError(
          fmt::format("shapes {} and {} do not broadcast: {} against {}", to_string(a), to_string(b), x, y));
    }
    result[axis] = x == 1 ? y : x;
  }
  return result;
}

bool flag(const OperatorCall& call, std::string_view name, bool fallback) {
  const std::int64_t value = call.attributes.get_int(name, fallback ? 1 : 0);
  if (value == 0 || value == 1) return value == 1;
  throw ShapeError(fmt::format("attribute {} must be 0 or 1, not {}", name, value));
}

std::int64_t int_at_least(const OperatorCall& call, std::string_view name, std::int64_t fallback, std::int64_t least) {
  const std::int64_t value = call.attributes.get_int(name, fallback);
  if (value >= least) return value;
  throw ShapeError(fmt::format("attribute {} must be {} or more, not {}", name, least, value));
}

double float_at_least(const OperatorCall& call, std::string_view name, double fallback, double least) {
  const double value = call.attributes.get_float(name, fallback);
  if (value >= least) return value;
  throw ShapeError(fmt::format("attribute {} must be {} or more, not {}", name, least, value));
}

void need_choice(const OperatorCall& call, std::string_view name, const std::vector<std::string_view>& choices) {
  const std::string value = call.attributes.get_string(name, choices.front());
  if (std::find(choices.begin(), choices.end(), value) != choices.end()) return;
  std::string list;
  for (const std::string_view choice : choices) list += fmt::format("{}'{}'", list.empty() ? "" : " or ", choice);
  throw ShapeError(fmt::format("attribute {} must be {}, not '{}'", name, list, value));
}

Shape shape_attribute(const OperatorCall& call, std::string_view name) {
  Shape shape = call.attributes.get_ints(name, {});
  const std::optional<std::int64_t> size = checked_elements(shape);
  if (!size || *size < 1 || *size > kMaxTensorBytes) {
    throw ShapeError(
        fmt::format("attribute {} must be a shape that a tensor can have, not {}", name, to_string(shape)));
  }
  return shape;
}

double count(const TensorType& type) { return static_cast<double>(elements(type.shape)); }

std::vector<TensorType> infer_like_first(const OperatorCall& call) {
  need_one_float_type(call);
  return {call.input(0)};
}

std::vector<TensorType> infer_all_same_shape(const OperatorCall& call) {
  need_one_float_type(call);
  for (std::size_t i = 1; i < call.inputs.size(); ++i) {
    if (call.has_input(i)) need_same_shape(call, i, 0);
  }
  return {call.input(0)};
}

double one_flop_an_output(const OperatorCall& /*call*/, std::span<const TensorType> outputs) {
  return count(outputs[0]);
}

double one_flop_an_input(const OperatorCall& call, std::span<const TensorType> /*outputs*/) {
  return count(call.input(0));
}

}  // namespace mp
