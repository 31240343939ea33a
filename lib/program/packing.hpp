// Rectangles of fixed width (a lifetime) and height (a size) are stacked as low as possible.
#pragma once

#include <cstdint>
#include <vector>

namespace mp {

struct Block {
  std::int32_t begin = 0;  // needed at positions begin ≤ p < end
  std::int32_t end = 0;
  std::int64_t size = 0;
};

struct Packing {
  std::vector<std::int64_t> offsets;  // beside the blocks
  std::int64_t height = 0;            // highest offset + size
};

// Each block, in the order of its begin, into the smallest gap among the blocks live at that time: O(n · live).
[[nodiscard]] Packing pack_by_time(const std::vector<Block>& blocks);

// Largest blocks first, each into the smallest gap that is free during all of its life: near the optimum in practice
// (Pisarchyk & Lee, "Efficient memory management for deep neural net inference", 2020), O(n · overlaps).
[[nodiscard]] Packing pack_by_size(const std::vector<Block>& blocks);

// The lower of both. The first alone where it comes within half a percent of `lower_bound`, as it does on the programs
// of pipelines, or where the second would take too long.
[[nodiscard]] Packing pack(const std::vector<Block>& blocks, std::int64_t lower_bound);

}  // namespace mp
