// One addressable max-heap of vertices by gain for every block.
#pragma once

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "partition/graph/weighted_graph.hpp"

namespace mp::partition {

// A vertex is in one heap at most. Equal gains are ordered by a hash of vertex and salt: fair, and the same on
// every run.
class GainHeaps {
 public:
  struct Item {
    Weight gain;
    std::uint32_t tie;
    VertexId vertex;
  };

  GainHeaps(std::int32_t vertices, std::int32_t blocks)
      : heaps_(static_cast<std::size_t>(blocks)), places_(static_cast<std::size_t>(vertices)) {}

  // Empties all heaps and sets the salt for those to come.
  void clear(std::uint32_t salt) {
    for (std::vector<Item>& heap : heaps_) {
      for (const Item& item : heap) places_[item.vertex].block = kNone<BlockId>;
      heap.clear();
    }
    salt_ = salt;
  }
  [[nodiscard]] bool contains(VertexId v) const { return places_[v].block != kNone<BlockId>; }
  // The items of a heap, the best first, otherwise half sorted.
  [[nodiscard]] std::span<const Item> of(BlockId b) const { return heaps_[index(b)]; }

  // The block whose best vertex is the best of all; kNone if all are empty.
  [[nodiscard]] BlockId best_block() const {
    BlockId best = kNone<BlockId>;
    for (const BlockId b : ids<BlockId>(heaps_.size()))
      if (!of(b).empty() && (best == kNone<BlockId> || above(of(b).front(), of(best).front()))) best = b;
    return best;
  }

  // Inserts v into the heap of block b, or changes its gain if it is there already.
  void set(VertexId v, BlockId b, Weight gain) {
    const Item item{.gain = gain, .tie = hash(v), .vertex = v};
    Place& place = places_[v];
    std::vector<Item>& heap = heaps_[index(b)];
    if (place.block == kNone<BlockId>) {
      heap.push_back(item);
      place = {.block = b, .at = static_cast<std::int32_t>(heap.size()) - 1};
      sift_up(heap, heap.size() - 1, item);
      return;
    }
    replace(heap, static_cast<std::size_t>(place.at), item);
  }

  void remove(VertexId v) {
    Place& place = places_[v];
    std::vector<Item>& heap = heaps_[index(place.block)];
    const Item last = heap.back();
    heap.pop_back();
    if (last.vertex != v) replace(heap, static_cast<std::size_t>(place.at), last);
    place.block = kNone<BlockId>;
  }

 private:
  struct Place {
    BlockId block = kNone<BlockId>;
    std::int32_t at = 0;
  };

  static bool above(const Item& a, const Item& b) {
    if (a.gain != b.gain) return a.gain > b.gain;
    return a.tie != b.tie ? a.tie > b.tie : a.vertex < b.vertex;
  }
  [[nodiscard]] std::uint32_t hash(VertexId v) const {
    std::uint32_t x = (static_cast<std::uint32_t>(v) ^ salt_) * 0x9e3779b1U;
    x ^= x >> 15U;
    return x * 0x85ebca77U;
  }
  void put(std::vector<Item>& heap, std::size_t at, const Item& item) {
    heap[at] = item;
    places_[item.vertex].at = static_cast<std::int32_t>(at);
  }
  void replace(std::vector<Item>& heap, std::size_t at, const Item& item) {
    if (at > 0 && above(item, heap[(at - 1) / 2]))
      sift_up(heap, at, item);
    else
      sift_down(heap, at, item);
  }
  void sift_up(std::vector<Item>& heap, std::size_t at, const Item& item) {
    for (; at > 0 && above(item, heap[(at - 1) / 2]); at = (at - 1) / 2) put(heap, at, heap[(at - 1) / 2]);
    put(heap, at, item);
  }
  void sift_down(std::vector<Item>& heap, std::size_t at, const Item& item) {
    for (std::size_t child = 2 * at + 1; child < heap.size(); child = 2 * at + 1) {
      if (child + 1 < heap.size() && above(heap[child + 1], heap[child])) ++child;
      if (!above(heap[child], item)) break;
      put(heap, at, heap[child]);
      at = child;
    }
    put(heap, at, item);
  }

  std::vector<std::vector<Item>> heaps_;
  IdVector<VertexId, Place> places_;
  std::uint32_t salt_ = 0;
};

}  // namespace mp::partition
