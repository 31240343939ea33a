// Every forward operator again, written from its definition: float64, one element at a time, no thought of speed.
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

#include "lib/graph/graph.hpp"

namespace mp::runtime::testing {

// All element types as double: int64 and bool values in the tests are small.
struct Array {
  Shape shape;
  std::vector<double> values;
  DataType type = DataType::kFloat32;  // kBool where that matters to a reference

  Array() = default;
  explicit Array(Shape s, double value = 0.0)
      : shape(std::move(s)), values(static_cast<std::size_t>(elements(shape)), value) {}
  [[nodiscard]] double& at(std::int64_t i) { return values[static_cast<std::size_t>(i)]; }
  [[nodiscard]] double at(std::int64_t i) const { return values[static_cast<std::size_t>(i)]; }
  [[nodiscard]] std::int64_t size() const { return static_cast<std::int64_t>(values.size()); }
  [[nodiscard]] std::int64_t extent(std::size_t axis) const { return shape[axis]; }
};

using Index = std::vector<std::int64_t>;
[[nodiscard]] Index index_of(std::int64_t element, const Shape& shape);
[[nodiscard]] std::int64_t element_of(const Index& index, const Shape& shape);
// The element of a tensor that broadcasting puts at `index` of a larger one.
[[nodiscard]] std::int64_t broadcast_element(const Index& index, const Shape& shape);

// What an operator's reference is given; outputs have their shapes, and zeros.
struct ReferenceCall {
  const Node& node;
  const std::vector<const Array*>& inputs;  // nullptr: absent
  std::vector<Array>& outputs;

  [[nodiscard]] const Array& in(std::size_t i) const { return *inputs[i]; }
  [[nodiscard]] bool has(std::size_t i) const { return i < inputs.size() && inputs[i] != nullptr; }
  [[nodiscard]] Array& out(std::size_t i = 0) const { return outputs[i]; }
  [[nodiscard]] bool has_out(std::size_t i) const {
    return i < node.outputs.size() && node.outputs[i] != kNone<TensorId>;
  }
  [[nodiscard]] const Attributes& attributes() const { return node.attributes; }
  [[nodiscard]] std::size_t axis(std::string_view name, std::int64_t fallback, std::size_t rank) const {
    const std::int64_t a = node.attributes.get_int(name, fallback);
    return static_cast<std::size_t>(a < 0 ? a + static_cast<std::int64_t>(rank) : a);
  }
};
using Reference = void (*)(const ReferenceCall& call);

// Each family knows some operators; null: not this one.
[[nodiscard]] Reference elementwise_reference(std::string_view op);
[[nodiscard]] Reference matrix_reference(std::string_view op);
[[nodiscard]] Reference normalization_reference(std::string_view op);
[[nodiscard]] Reference movement_reference(std::string_view op);
[[nodiscard]] Reference window_reference(std::string_view op);
[[nodiscard]] Reference sequence_reference(std::string_view op);
[[nodiscard]] Reference recurrent_reference(std::string_view op);
[[nodiscard]] Reference resize_reference(std::string_view op);
[[nodiscard]] Reference loss_reference(std::string_view op);

// Values of all tensors of `graph` after running it on `values` (those of inputs and parameters must be there).
void evaluate(const Graph& graph, IdVector<TensorId, Array>& values);

}  // namespace mp::runtime::testing
