// Where the elements of a row-major tensor lie.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "lib/graph/types.hpp"

namespace mp::runtime {

// Elements from one index to the next along each axis of a row-major tensor.
[[nodiscard]] std::vector<std::int64_t> row_major_strides(const Shape& shape);

// The strides by which a tensor of `shape` is read when it is broadcast (ONNX, as numpy) to `to`: 0 along repeated
// axes.
[[nodiscard]] std::vector<std::int64_t> broadcast_strides(const Shape& shape, const Shape& to);

// Positive axes of a node's attribute, which may count from the end.
[[nodiscard]] std::int64_t positive_axis(std::int64_t axis, std::size_t rank);

// A tensor as [outer, extent, inner]: lines run along the middle.
struct LineExtents {
  std::int64_t outer = 1;
  std::int64_t extent = 1;
  std::int64_t inner = 1;
};

// `axis` may count from the end.
[[nodiscard]] LineExtents line_extents(const Shape& shape, std::int64_t axis);

}  // namespace mp::runtime
