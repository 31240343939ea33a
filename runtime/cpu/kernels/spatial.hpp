// Windows that slide over the last one or two axes: attributes of convolutions and pools, one axis read as two.
#pragma once

#include <array>
#include <cstdint>

#include "lib/graph/attributes.hpp"
#include "lib/graph/types.hpp"

namespace mp::runtime::cpu {

using Pair = std::array<std::int64_t, 2>;

struct Window {
  Pair kernel{1, 1};
  Pair strides{1, 1};
  Pair dilations{1, 1};
  Pair pads_begin{};
  Pair pads_end{};
};

// Of windows that slide over `source` [N, C, …]. `weights`: those of a convolution; empty: the attribute kernel_shape
// alone says the kernel.
[[nodiscard]] Window window_of(const Attributes& attributes, const Shape& source, const Shape& weights = {});
// Of a transposed convolution that reads `source`.
[[nodiscard]] Window transposed_window_of(const Attributes& attributes, const Shape& source, const Shape& weights);

// The last axes of [N, C, W] as {1, W}, of [N, C, H, W] as {H, W}.
[[nodiscard]] Pair spatial_extents(const Shape& shape);

}  // namespace mp::runtime::cpu
