// Pieces of tensors.
#pragma once

#include <cstdint>
#include <vector>

#include "lib/graph/attributes.hpp"
#include "lib/graph/types.hpp"

namespace mp::runtime {

// A piece of a tensor: where it starts and how one walks it. In elements.
struct View {
  std::int64_t offset = 0;
  std::vector<std::int64_t> strides;
};

[[nodiscard]] View whole(const Shape& shape);

// The elements a Slice takes (its attributes starts, axes, steps), as a view of the tensor of `shape` it is taken from.
[[nodiscard]] View slice_view(const Attributes& attributes, const Shape& shape);

}  // namespace mp::runtime
