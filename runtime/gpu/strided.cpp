#include "runtime/gpu/strided.hpp"

namespace mp::runtime::gpu {

StrideList row_major_strides(const Shape& shape) {
  StrideList strides(shape.size());
  std::int64_t stride = 1;
  for (std::size_t i = shape.size(); i-- > 0;) {
    strides[i] = stride;
    stride *= shape[i];
  }
  return strides;
}

StrideList broadcast_strides(const Shape& shape, const Shape& to) {
  const StrideList own = row_major_strides(shape);
  StrideList strides(to.size(), 0);
  const std::size_t missing = to.size() - shape.size();
  for (std::size_t i = 0; i < shape.size(); ++i) {
    if (shape[i] != 1) strides[missing + i] = own[i];
  }
  return strides;
}

std::int64_t positive_axis(std::int64_t axis, std::size_t rank) {
  return axis < 0 ? axis + static_cast<std::int64_t>(rank) : axis;
}

std::vector<bool> reduced_axes(const std::vector<std::int64_t>& axes, std::size_t rank) {
  std::vector<bool> is_reduced(rank, axes.empty());
  for (const std::int64_t axis : axes) is_reduced[static_cast<std::size_t>(positive_axis(axis, rank))] = true;
  return is_reduced;
}

}  // namespace mp::runtime::gpu
