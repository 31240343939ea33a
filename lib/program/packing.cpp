#include "lib/program/packing.hpp"

#include <algorithm>
#include <limits>
#include <numeric>
#include <utility>

namespace mp {
namespace {

struct Range {
  std::int64_t begin = 0;
  std::int64_t end = 0;
  friend bool operator<(const Range& a, const Range& b) {
    return a.begin != b.begin ? a.begin < b.begin : a.end < b.end;
  }
};

// Where `size` bytes fit best between `taken` (sorted by begin, may overlap): the smallest gap, the lowest of equals,
// else on top.
std::int64_t best_fit(const std::vector<Range>& taken, std::int64_t size) {
  std::int64_t best = -1;
  std::int64_t best_gap = std::numeric_limits<std::int64_t>::max();
  std::int64_t top = 0;
  for (const Range& range : taken) {
    const std::int64_t gap = range.begin - top;
    if (gap >= size && gap < best_gap) {
      best = top;
      best_gap = gap;
    }
    top = std::max(top, range.end);
  }
  return best >= 0 ? best : top;
}

template <class Less>
std::vector<std::size_t> sorted_by(const std::vector<Block>& blocks, Less less) {
  std::vector<std::size_t> order(blocks.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return less(blocks[a], blocks[b]); });
  return order;
}

// Blocks placed so far, found by time. The list of positions is cut into windows; each knows the blocks that begin in
// it, and those that live on from earlier windows. So a search meets each block once, however long it lives.
class PlacedBlocks {
 public:
  explicit PlacedBlocks(const std::vector<Block>& blocks) : blocks_(blocks) {
    std::int32_t last = 1;
    for (const Block& block : blocks) last = std::max(last, block.end);
    constexpr std::int32_t kWindows = 512;
    width_ = std::max(1, (last + kWindows - 1) / kWindows);
    windows_.resize(static_cast<std::size_t>(last) / static_cast<std::size_t>(width_) + 1);
  }

  void place(std::size_t b, std::int64_t offset) {
    const Placed placed{{offset, offset + blocks_[b].size}, blocks_[b].begin, blocks_[b].end};
    const std::int32_t first = window(placed.begin);
    at(first).beginning.push_back(placed);
    for (std::int32_t w = first + 1; w <= window(placed.end - 1); ++w) at(w).living_on.push_back(placed);
  }

  // The ranges taken at any time of the block's life, sorted by begin.
  const std::vector<Range>& taken_during(std::size_t b) {
    taken_.clear();
    const Block& block = blocks_[b];
    const auto take = [&](const std::vector<Placed>& candidates) {
      for (const Placed& placed : candidates) {
        if (placed.begin < block.end && block.begin < placed.end) taken_.push_back(placed.range);
      }
    };
    take(at(window(block.begin)).living_on);
    for (std::int32_t w = window(block.begin); w <= window(block.end - 1); ++w) take(at(w).beginning);
    std::sort(taken_.begin(), taken_.end());
    return taken_;
  }

 private:
  struct Placed {
    Range range;
    std::int32_t begin = 0;
    std::int32_t end = 0;
  };
  struct Window {
    std::vector<Placed> beginning;
    std::vector<Placed> living_on;
  };
  [[nodiscard]] std::int32_t window(std::int32_t position) const { return position / width_; }
  [[nodiscard]] Window& at(std::int32_t window) { return windows_[static_cast<std::size_t>(window)]; }

  const std::vector<Block>& blocks_;
  std::int32_t width_ = 1;
  std::vector<Window> windows_;
  std::vector<Range> taken_;
};

// Pairs of blocks that meet in time are at most this many, or largest-first would take too long.
bool is_small_enough_for_size_order(const std::vector<Block>& blocks) {
  constexpr std::int64_t kMostPairs = 1'000'000;
  std::vector<std::int32_t> ends;
  ends.reserve(blocks.size());
  for (const Block& block : blocks) ends.push_back(block.end);
  std::sort(ends.begin(), ends.end());
  std::int64_t pairs = 0;
  std::int64_t begun = 0;
  for (const std::size_t b : sorted_by(blocks, [](const Block&x, const Block&y) { return x.begin < y.begin; })) {
    const auto ended = std::upper_bound(ends.begin(), ends.end(), blocks[b].begin) - ends.begin();
    pairs += begun++ - ended;
  }
  return pairs <= kMostPairs;
}

}  // namespace

Packing pack_by_time(const std::vector<Block>& blocks) {
  Packing packing{.offsets = std::vector<std::int64_t>(blocks.size(), 0), .height = 0};
  std::vector<Range> taken;
  std::vector<std::pair<std::int32_t, std::size_t>> ends;  // a heap: the earliest end first
  for (const std::size_t b : sorted_by(blocks, [](const Block&x, const Block&y) { return x.begin < y.begin; })) {
    while (!ends.empty() && ends.front().first <= blocks[b].begin) {
      const std::size_t gone = ends.front().second;
      const Range range{packing.offsets[gone], packing.offsets[gone] + blocks[gone].size};
      taken.erase(std::lower_bound(taken.begin(), taken.end(), range));
      std::pop_heap(ends.begin(), ends.end(), std::greater<>());
      ends.pop_back();
    }
    const std::int64_t offset = best_fit(taken, blocks[b].size);
    const Range range{offset, offset + blocks[b].size};
    packing.offsets[b] = offset;
    packing.height = std::max(packing.height, range.end);
    taken.insert(std::lower_bound(taken.begin(), taken.end(), range), range);
    ends.emplace_back(blocks[b].end, b);
    std::push_heap(ends.begin(), ends.end(), std::greater<>());
  }
  return packing;
}

Packing pack_by_size(const std::vector<Block>& blocks) {
  Packing packing{.offsets = std::vector<std::int64_t>(blocks.size(), 0), .height = 0};
  PlacedBlocks placed(blocks);
  const auto larger_or_longer = [](const Block& x, const Block& y) {
    return x.size != y.size ? x.size > y.size : x.end - x.begin > y.end - y.begin;
  };
  for (const std::size_t b : sorted_by(blocks, larger_or_longer)) {
    const std::int64_t offset = best_fit(placed.taken_during(b), blocks[b].size);
    placed.place(b, offset);
    packing.offsets[b] = offset;
    packing.height = std::max(packing.height, offset + blocks[b].size);
  }
  return packing;
}

Packing pack(const std::vector<Block>& blocks, std::int64_t lower_bound) {
  Packing best = pack_by_time(blocks);
  constexpr std::int64_t kGoodEnough = 200;  // within 1/200 of the optimum
  if (best.height - lower_bound <= lower_bound / kGoodEnough || !is_small_enough_for_size_order(blocks)) return best;
  Packing other = pack_by_size(blocks);
  return other.height < best.height ? other : best;
}

}  // namespace mp
