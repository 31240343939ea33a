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

// `kernel`: spatial extents of the weights where they say it; the attribute kernel_shape where this is empty.
[[nodiscard]] Window window_of(const Attributes& attributes, std::size_t spatial_axes, const Shape& kernel = {});

// The last axes of [N, C, W] as {1, W}, of [N, C, H, W] as {H, W}.
[[nodiscard]] Pair spatial_extents(const Shape& shape);

}  // namespace mp::runtime::cpu
