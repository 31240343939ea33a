// Which elements a Resize blends: places and weights follow from the shapes, found once.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "lib/graph/attributes.hpp"
#include "lib/graph/types.hpp"

namespace mp::runtime {

// An output of a resize along one axis blends two neighbours; nearest is a blend with weight 0.
struct Neighbours {
  std::int64_t low = 0;
  std::int64_t high = 0;
  float weight = 0.0F;  // of `high`
};

// `from`, `to`: shapes [N, C, W] or [N, C, H, W] of the forward operator's input and output. For rows ([0], one for
// [N, C, W]) and columns ([1]) the neighbours of every output, as the attributes of ONNX's Resize have it.
[[nodiscard]] std::array<std::vector<Neighbours>, 2> resize_neighbours(const Attributes& attributes, const Shape& from,
                                                                       const Shape& to);

}  // namespace mp::runtime
