#include "runtime/cpu/kernels/spatial.hpp"

#include <vector>

namespace mp::runtime::cpu {
namespace {

// The last entries of `values`, in front of them what a missing first axis has.
Pair pair_of(const std::vector<std::int64_t>& values, std::size_t begin, std::size_t axes, std::int64_t missing) {
  if (axes == 1) return {missing, values[begin]};
  return {values[begin], values[begin + 1]};
}

}  // namespace

Window window_of(const Attributes& attributes, std::size_t axes, const Shape& kernel) {
  const std::vector<std::int64_t> ones(axes, 1);
  const std::vector<std::int64_t> pads = attributes.get_ints("pads", std::vector<std::int64_t>(2 * axes, 0));
  Window window;
  window.kernel = pair_of(kernel.empty() ? attributes.get_ints("kernel_shape", ones) : kernel, 0, axes, 1);
  window.strides = pair_of(attributes.get_ints("strides", ones), 0, axes, 1);
  window.dilations = pair_of(attributes.get_ints("dilations", ones), 0, axes, 1);
  window.pads_begin = pair_of(pads, 0, axes, 0);
  window.pads_end = pair_of(pads, axes, axes, 0);
  return window;
}

Pair spatial_extents(const Shape& shape) {
  if (shape.size() == 3) return {1, shape[2]};
  return {shape[2], shape[3]};
}

}  // namespace mp::runtime::cpu
