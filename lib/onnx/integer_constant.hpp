// Small integer tensors that an ONNX graph computes from shapes, and what its nodes do with them.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "lib/graph/model.hpp"

namespace mp::onnx {

// Row-major; a value may be the extent of a named dimension.
struct IntegerConstant {
  // Larger ones are never looked at.
  static constexpr std::int64_t kMostValues = 4096;

  std::vector<Dimension> values;  // name empty: `extent` is the value, of any sign
  std::vector<std::int64_t> shape;

  [[nodiscard]] bool is_scalar() const { return shape.empty(); }
};

[[nodiscard]] IntegerConstant scalar_of(std::int64_t value);
[[nodiscard]] IntegerConstant list_of(std::vector<Dimension> values);

// All of these have no answer where ONNX has none, where it depends on a named dimension, or where it is too large.

// `target` with its 0 and −1 worked out.
[[nodiscard]] std::optional<IntegerConstant> reshaped(const IntegerConstant& x, std::span<const Dimension> target);
[[nodiscard]] std::optional<IntegerConstant> transposed(const IntegerConstant& x, std::vector<std::int64_t> perm);
[[nodiscard]] std::optional<IntegerConstant> concatenated(std::span<const IntegerConstant* const> parts,
                                                          std::int64_t axis);
// Along the first axis.
[[nodiscard]] std::optional<IntegerConstant> gathered(const IntegerConstant& x, const IntegerConstant& indices);
[[nodiscard]] std::optional<IntegerConstant> sliced(const IntegerConstant& x, std::int64_t start, std::int64_t end,
                                                    std::int64_t step);
[[nodiscard]] std::optional<IntegerConstant> filled(const IntegerConstant& shape, std::int64_t value);
// "Add", "Sub", "Mul", "Div", "Mod", "Min", "Max", "Equal": element by element, one of one element for all of the
// other's.
[[nodiscard]] std::optional<IntegerConstant> combined(std::string_view op, const IntegerConstant& a,
                                                      const IntegerConstant& b);
// ONNX's Where.
[[nodiscard]] std::optional<IntegerConstant> chosen(const IntegerConstant& condition, const IntegerConstant& x,
                                                    const IntegerConstant& y);

}  // namespace mp::onnx
