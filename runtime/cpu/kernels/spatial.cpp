#include "runtime/cpu/kernels/spatial.hpp"

#include "lib/operators/windows.hpp"

namespace mp::runtime::cpu {
namespace {

Shape spatial_of(const Shape& shape) { return {shape.begin() + 2, shape.end()}; }

// A missing first axis in front of the last one.
Pair pair_of(const std::vector<std::int64_t>& values, std::int64_t missing) {
  if (values.size() == 1) return {missing, values[0]};
  return {values[0], values[1]};
}

Window in_pairs(const Windows& windows) {
  return {pair_of(windows.kernel, 1), pair_of(windows.strides, 1), pair_of(windows.dilations, 1),
          pair_of(windows.pads_begin, 0), pair_of(windows.pads_end, 0)};
}

}  // namespace

Window window_of(const Attributes& attributes, const Shape& source, const Shape& weights) {
  return in_pairs(windows_of({.inputs = {}, .attributes = attributes, .outputs = 1}, spatial_of(source),
                             weights.empty() ? weights : spatial_of(weights)));
}

Window transposed_window_of(const Attributes& attributes, const Shape& source, const Shape& weights) {
  return in_pairs(transposed_windows_of({.inputs = {}, .attributes = attributes, .outputs = 1}, spatial_of(source),
                                        spatial_of(weights)));
}

Pair spatial_extents(const Shape& shape) {
  if (shape.size() == 3) return {1, shape[2]};
  return {shape[2], shape[3]};
}

}  // namespace mp::runtime::cpu
