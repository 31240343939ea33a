// An addressable max-heap of vertices by gain.
#pragma once

#include <vector>

#include "partition/graph/weighted_graph.hpp"

namespace mp::partition {

// Each vertex is in the heap at most once. Ties go to the vertex that the heap's shape puts first: the same
// on every run, for the same sequence of calls.
class VertexHeap {
 public:
  // Room for vertices 0 … size − 1; empties the heap.
  void reset(std::size_t size) {
    if (positions_.size() < size) positions_.resize(size, kAbsent);
    clear();
  }
  void clear() {
    for (const Item& item : items_) positions_[item.vertex] = kAbsent;
    items_.clear();
  }
  [[nodiscard]] bool empty() const { return items_.empty(); }
  [[nodiscard]] std::size_t size() const { return items_.size(); }
  [[nodiscard]] bool contains(VertexId v) const { return positions_[v] != kAbsent; }
  [[nodiscard]] VertexId top() const { return items_.front().vertex; }
  [[nodiscard]] Weight top_key() const { return items_.front().key; }
  [[nodiscard]] Weight key(VertexId v) const { return items_[static_cast<std::size_t>(positions_[v])].key; }

  // Inserts v or changes its key.
  void set(VertexId v, Weight key) {
    std::int32_t at = positions_[v];
    if (at == kAbsent) {
      at = static_cast<std::int32_t>(items_.size());
      items_.push_back({key, v});
      sift_up(static_cast<std::size_t>(at), {key, v});
      return;
    }
    const Weight old = items_[static_cast<std::size_t>(at)].key;
    if (key > old) sift_up(static_cast<std::size_t>(at), {key, v});
    if (key < old) sift_down(static_cast<std::size_t>(at), {key, v});
  }
  void pop() { remove(items_.front().vertex); }
  void remove(VertexId v) {
    const auto at = static_cast<std::size_t>(positions_[v]);
    positions_[v] = kAbsent;
    const Item last = items_.back();
    items_.pop_back();
    if (at == items_.size()) return;
    if (at > 0 && last.key > items_[(at - 1) / 2].key) {
      sift_up(at, last);
    } else {
      sift_down(at, last);
    }
  }

 private:
  struct Item {
    Weight key;
    VertexId vertex;
  };
  static constexpr std::int32_t kAbsent = -1;

  void place(std::size_t at, const Item& item) {
    items_[at] = item;
    positions_[item.vertex] = static_cast<std::int32_t>(at);
  }
  void sift_up(std::size_t at, const Item& item) {
    while (at > 0 && items_[(at - 1) / 2].key < item.key) {
      place(at, items_[(at - 1) / 2]);
      at = (at - 1) / 2;
    }
    place(at, item);
  }
  void sift_down(std::size_t at, const Item& item) {
    for (std::size_t child = 2 * at + 1; child < items_.size(); child = 2 * at + 1) {
      if (child + 1 < items_.size() && items_[child + 1].key > items_[child].key) ++child;
      if (items_[child].key <= item.key) break;
      place(at, items_[child]);
      at = child;
    }
    place(at, item);
  }

  std::vector<Item> items_;
  IdVector<VertexId, std::int32_t> positions_;
};

}  // namespace mp::partition
