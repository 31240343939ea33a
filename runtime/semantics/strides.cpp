#include "runtime/semantics/strides.hpp"

namespace mp::runtime {

std::vector<std::int64_t> row_major_strides(const Shape& shape) {
  std::vector<std::int64_t> strides(shape.size());
  std::int64_t stride = 1;
  for (std::size_t i = shape.size(); i-- > 0;) {
    strides[i] = stride;
    stride *= shape[i];
  }
  return strides;
}

std::vector<std::int64_t> broadcast_strides(const Shape& shape, const Shape& to) {
  const std::vector<std::int64_t> own = row_major_strides(shape);
  std::vector<std::int64_t> strides(to.size(), 0);
  const std::size_t missing = to.size() - shape.size();
  for (std::size_t i = 0; i < shape.size(); ++i) {
    if (shape[i] != 1) strides[missing + i] = own[i];
  }
  return strides;
}

std::int64_t positive_axis(std::int64_t axis, std::size_t rank) {
  return axis < 0 ? axis + static_cast<std::int64_t>(rank) : axis;
}

LineExtents line_extents(const Shape& shape, std::int64_t axis) {
  const auto middle = static_cast<std::size_t>(positive_axis(axis, shape.size()));
  LineExtents lines;
  for (std::size_t i = 0; i < shape.size(); ++i) {
    (i < middle ? lines.outer : i == middle ? lines.extent : lines.inner) *= shape[i];
  }
  return lines;
}

}  // namespace mp::runtime
