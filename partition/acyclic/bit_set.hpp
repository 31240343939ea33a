// Sets of vertices as words of bits.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "partition/graph/weighted_graph.hpp"

namespace mp::partition {

class BitSet {
 public:
  BitSet() = default;
  explicit BitSet(std::size_t size) : words_((size + 63) / 64, 0) {}

  [[nodiscard]] bool has(VertexId v) const { return ((words_[index(v) / 64] >> (index(v) % 64)) & 1U) != 0; }
  void add(VertexId v) { words_[index(v) / 64] |= std::uint64_t{1} << (index(v) % 64); }
  void remove(VertexId v) { words_[index(v) / 64] &= ~(std::uint64_t{1} << (index(v) % 64)); }
  void add_all(const BitSet& other) {
    for (std::size_t i = 0; i < words_.size(); ++i) words_[i] |= other.words_[i];
  }
  // Calls `visit` with every member that is in neither of the other two.
  template <class Visit>
  void for_each_not_in(const BitSet& a, const BitSet& b, const Visit& visit) const {
    for (std::size_t i = 0; i < words_.size(); ++i)
      for (std::uint64_t rest = words_[i] & ~a.words_[i] & ~b.words_[i]; rest != 0; rest &= rest - 1)
        visit(make_id<VertexId>(i * 64 + static_cast<std::size_t>(std::countr_zero(rest))));
  }
  [[nodiscard]] std::size_t hash() const {
    std::uint64_t h = 0x9e3779b97f4a7c15ULL;
    for (const std::uint64_t word : words_) h = (std::rotl(h, 23) ^ word) * 0xff51afd7ed558ccdULL;
    return static_cast<std::size_t>(h ^ (h >> 29U));
  }
  [[nodiscard]] std::size_t bytes() const { return words_.size() * sizeof(std::uint64_t); }
  friend bool operator==(const BitSet&, const BitSet&) = default;

 private:
  std::vector<std::uint64_t> words_;
};

}  // namespace mp::partition
