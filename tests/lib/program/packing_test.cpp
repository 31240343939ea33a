#include "lib/program/packing.hpp"

#include <algorithm>
#include <cstdint>
#include <vector>

#include "lib/base/random.hpp"
#include "tests/support/catch.hpp"

using mp::Block;
using mp::Packing;

namespace {

std::vector<Block> random_blocks(std::uint64_t seed, std::size_t count) {
  const mp::RandomStream random(seed, "packing");
  std::vector<Block> blocks;
  for (std::size_t i = 0; i < count; ++i) {
    const auto begin = static_cast<std::int32_t>(random.below(4 * i, 2 * count));
    const std::uint64_t longest = random.below(4 * i + 1, 5) == 0 ? count : 6;
    const auto life = static_cast<std::int32_t>(1 + random.below(4 * i + 2, longest));
    blocks.push_back({begin, begin + life, static_cast<std::int64_t>(64 * (1 + random.below(4 * i + 3, 40)))});
  }
  return blocks;
}

std::int64_t most_live(const std::vector<Block>& blocks) {
  std::int64_t most = 0;
  for (const Block& at : blocks) {
    std::int64_t live = 0;
    for (const Block& block : blocks) live += block.begin <= at.begin && at.begin < block.end ? block.size : 0;
    most = std::max(most, live);
  }
  return most;
}

bool is_valid(const std::vector<Block>& blocks, const Packing& packing) {
  for (std::size_t a = 0; a < blocks.size(); ++a) {
    if (packing.offsets[a] < 0 || packing.offsets[a] + blocks[a].size > packing.height) return false;
    for (std::size_t b = 0; b < a; ++b) {
      const bool meet = blocks[a].begin < blocks[b].end && blocks[b].begin < blocks[a].end;
      const bool overlap = packing.offsets[a] < packing.offsets[b] + blocks[b].size &&
                           packing.offsets[b] < packing.offsets[a] + blocks[a].size;
      if (meet && overlap) return false;
    }
  }
  return true;
}

}  // namespace

// time  0 1 2 3      by time: the first block leaves a hole of 128 under the second, into which the third does not fit;
//  a    ███          by size: the third goes below, and the arena is no higher than what is live at once.
//  b      █████
//  c        ███
TEST_CASE("largest first avoids the holes of first come, first placed", "[program][memory]") {
  const std::vector<Block> blocks = {{0, 2, 128}, {1, 4, 64}, {2, 4, 192}};
  CHECK(mp::pack_by_time(blocks).height == 384);
  CHECK(mp::pack_by_size(blocks).height == 256);
  CHECK(mp::pack(blocks, most_live(blocks)).height == 256);
}

TEST_CASE("blocks that follow each other share their place", "[program][memory]") {
  const std::vector<Block> blocks = {{0, 1, 64}, {1, 2, 64}, {2, 3, 64}};
  CHECK(mp::pack_by_time(blocks).offsets == std::vector<std::int64_t>{0, 0, 0});
  CHECK(mp::pack_by_size(blocks).offsets == std::vector<std::int64_t>{0, 0, 0});
}

TEST_CASE("blocks that are needed together never overlap", "[program][memory]") {
  const auto seed = static_cast<std::uint64_t>(GENERATE(range(0, 40)));
  const std::vector<Block> blocks = random_blocks(seed, 1 + 5 * seed);
  CHECK(is_valid(blocks, mp::pack_by_time(blocks)));
  CHECK(is_valid(blocks, mp::pack_by_size(blocks)));
}

TEST_CASE("packing stays close to the lower bound", "[program][memory]") {
  double ratios = 0.0;
  constexpr int kSeeds = 20;
  for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
    const std::vector<Block> blocks = random_blocks(seed, 300);
    const std::int64_t bound = most_live(blocks);
    const std::int64_t height = mp::pack(blocks, bound).height;
    CHECK(height >= bound);
    ratios += static_cast<double>(height) / static_cast<double>(bound);
  }
  CHECK(ratios / kSeeds < 1.09);
}
