#include "runtime/semantics/view.hpp"

#include <algorithm>
#include <cstddef>
#include <numeric>

#include "runtime/semantics/strides.hpp"

namespace mp::runtime {

View whole(const Shape& shape) { return {0, row_major_strides(shape)}; }

View slice_view(const Attributes& attributes, const Shape& shape) {
  const std::vector<std::int64_t> starts = attributes.get_ints("starts", {});
  std::vector<std::int64_t> axes(starts.size());
  std::iota(axes.begin(), axes.end(), std::int64_t{0});
  axes = attributes.get_ints("axes", axes);
  const std::vector<std::int64_t> steps = attributes.get_ints("steps", std::vector<std::int64_t>(starts.size(), 1));
  View view = whole(shape);
  for (std::size_t i = 0; i < starts.size(); ++i) {
    const auto axis = static_cast<std::size_t>(positive_axis(axes[i], shape.size()));
    const std::int64_t start = starts[i] < 0 ? starts[i] + shape[axis] : starts[i];
    view.offset += std::clamp<std::int64_t>(start, 0, shape[axis]) * view.strides[axis];
    view.strides[axis] *= steps[i];
  }
  return view;
}

}  // namespace mp::runtime
