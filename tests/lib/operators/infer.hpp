// Calls an operator's shape rule and FLOPs by hand.
#pragma once

#include <span>
#include <string>
#include <utility>
#include <vector>

#include "lib/operators/operator.hpp"
#include "tests/support/catch.hpp"

namespace mp::test {

using Ints = std::vector<std::int64_t>;

// Marks an absent optional input in a list of shapes.
inline const Shape kAbsentShape = {-1};

struct Call {
  std::string op;
  std::vector<TensorType> inputs;  // a shape of kAbsentShape: absent
  Attributes attributes = {};
  std::size_t outputs = 1;
};

inline std::vector<TensorType> floats(const std::vector<Shape>& shapes) {
  std::vector<TensorType> types;
  for (const Shape& shape : shapes) types.push_back({DataType::kFloat32, shape});
  return types;
}

template <class Use>
auto with_operator_call(const Call& call, Use use) {
  const Operator* op = find_operator(call.op);
  REQUIRE(op != nullptr);
  std::vector<const TensorType*> inputs;
  for (const TensorType& type : call.inputs) inputs.push_back(type.shape == kAbsentShape ? nullptr : &type);
  return use(*op, OperatorCall{.inputs = inputs, .attributes = call.attributes, .outputs = call.outputs});
}

inline std::vector<TensorType> infer(const Call& call) {
  return with_operator_call(call, [](const Operator& op, const OperatorCall& c) { return op.infer(c); });
}

// "float32[2, 3]", several joined by " ".
inline std::string inferred(const Call& call) {
  std::string text;
  for (const TensorType& type : infer(call)) {
    if (!text.empty()) text += ' ';
    text += to_string(type);
  }
  return text;
}

// The message of the ShapeError; "" when the rule is content.
inline std::string complaint(const Call& call) {
  try {
    static_cast<void>(infer(call));
  } catch (const ShapeError& error) {
    return error.what();
  }
  return "";
}

inline double flops(const Call& call) {
  return with_operator_call(call, [](const Operator& op, const OperatorCall& c) {
    REQUIRE(op.flops != nullptr);
    const std::vector<TensorType> outputs = op.infer(c);
    return op.flops(c, outputs);
  });
}

}  // namespace mp::test
