// What shape rules have in common. All of these throw ShapeError with the values seen.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "lib/operators/operator.hpp"

namespace mp {

inline const AttributeSpec kAxisAttribute = {"axis", AttributeKind::kInt};

// Every input that is there is float32.
void need_float32(const OperatorCall& call);
// float32 or bfloat16.
void need_float(const OperatorCall& call, std::size_t input);
// Every input that is there is float32, or every one bfloat16.
void need_one_float_type(const OperatorCall& call);
// The first `values` inputs are float32, or all of them bfloat16; what follows (scales, statistics) is float32 anyway.
void need_float_values(const OperatorCall& call, std::size_t values);
void need_type(const OperatorCall& call, std::size_t input, DataType type);
void need_rank(const OperatorCall& call, std::size_t input, std::size_t least, std::size_t most);
// `expected`: of what the shape is, for the message ("one per channel of X").
void need_shape(const OperatorCall& call, std::size_t input, const Shape& shape, std::string_view expected);
void need_same_shape(const OperatorCall& call, std::size_t input, std::size_t other);

// An axis from 0 to rank − 1, from one that may be negative.
[[nodiscard]] std::size_t axis_within(std::int64_t axis, std::size_t rank);
// Ascending, each once; every axis where `axes` is empty.
[[nodiscard]] std::vector<std::size_t> axes_within(const std::vector<std::int64_t>& axes, std::size_t rank);
[[nodiscard]] Shape broadcast(const Shape& a, const Shape& b);

// Attributes with a range: their value, checked.
bool flag(const OperatorCall& call, std::string_view name, bool fallback = false);
std::int64_t int_at_least(const OperatorCall& call, std::string_view name, std::int64_t fallback, std::int64_t least);
double float_at_least(const OperatorCall& call, std::string_view name, double fallback, double least);
void need_choice(const OperatorCall& call, std::string_view name, const std::vector<std::string_view>& choices);
// A shape given as attribute: every extent 1 or more, not larger than a tensor may be.
[[nodiscard]] Shape shape_attribute(const OperatorCall& call, std::string_view name);

// The element type of an input, under another shape.
[[nodiscard]] inline TensorType like(const OperatorCall& call, std::size_t input, Shape shape) {
  return {call.input(input).type, std::move(shape)};
}
[[nodiscard]] inline TensorType float32(Shape shape) { return {DataType::kFloat32, std::move(shape)}; }
[[nodiscard]] double count(const TensorType& type);  // its elements, as FLOPs are counted

// Rules that fit many operators.
[[nodiscard]] std::vector<TensorType> infer_like_first(const OperatorCall& call);      // type and shape of input 0
[[nodiscard]] std::vector<TensorType> infer_all_same_shape(const OperatorCall& call);  // and all inputs have it
[[nodiscard]] double one_flop_an_output(const OperatorCall& call, std::span<const TensorType> outputs);
[[nodiscard]] double one_flop_an_input(const OperatorCall& call, std::span<const TensorType> outputs);

}  // namespace mp
