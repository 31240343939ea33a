// Sliding windows: the geometry that convolutions and pooling share.
#pragma once

#include <cstdint>
#include <vector>

#include "lib/operators/operator.hpp"

namespace mp {

// Per spatial dimension; every value is small enough that products of two fit 63 bits.
struct Windows {
  std::vector<std::int64_t> kernel;
  std::vector<std::int64_t> strides;
  std::vector<std::int64_t> dilations;
  std::vector<std::int64_t> pads_begin;
  std::vector<std::int64_t> pads_end;

  // Extent of a dilated kernel.
  [[nodiscard]] std::int64_t reach(std::size_t i) const { return dilations[i] * (kernel[i] - 1) + 1; }
};

// Names of the attributes read below.
[[nodiscard]] std::vector<AttributeSpec> window_attributes(bool kernel_required);

// From the attributes, checked; auto_pad's pads written out. `input`: the spatial extents the windows slide over.
// `kernel` is the weights' where the attribute kernel_shape is absent; where both are there, they must agree. Empty:
// the attribute alone says it.
[[nodiscard]] Windows windows_of(const OperatorCall& call, const Shape& input, const Shape& kernel);
// The same of a transposed convolution, whose output_shape and auto_pad say how much of the output is cut off.
[[nodiscard]] Windows transposed_windows_of(const OperatorCall& call, const Shape& input, const Shape& kernel);
// The attribute of a transposed convolution, checked for its length.
[[nodiscard]] Shape output_padding_of(const OperatorCall& call, std::size_t spatial);

// Extents of the output of a convolution or pooling over `input` (spatial extents alone). `rounds_up` (ceil_mode): a
// last window that starts inside the input, or in the padding before it, counts though it reaches over the end.
[[nodiscard]] Shape window_outputs(const Windows& windows, const Shape& input, bool rounds_up = false);
// Extents of the output of a transposed convolution.
[[nodiscard]] Shape transposed_outputs(const Windows& windows, const Shape& input, const Shape& output_padding);

// N, C and spatial extents: the spatial ones of an input with 3 or 4 dimensions.
[[nodiscard]] Shape spatial_extents(const OperatorCall& call, std::size_t input);

}  // namespace mp
