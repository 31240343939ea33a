// The generator of every partitioner: same seed, same numbers, whatever the standard library.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

namespace mp::partition {

// SplitMix64 (Steele, Lea & Flood, OOPSLA 2014): passes BigCrush, one addition and three multiplications a number.
class RandomSource {
 public:
  explicit RandomSource(std::uint64_t seed) : state_(seed) {}

  std::uint64_t next() {
    state_ += 0x9e3779b97f4a7c15ULL;
    std::uint64_t z = state_;
    z = (z ^ (z >> 30U)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27U)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31U);
  }

  // A number in [0, bound), bound > 0. The bias of the modulus is below bound / 2^64.
  std::uint64_t below(std::uint64_t bound) { return next() % bound; }

  // A number in [0, 1).
  double unit() { return static_cast<double>(next() >> 11U) * 0x1.0p-53; }

  bool coin() { return (next() >> 63U) != 0; }

  // Fisher–Yates.
  template <class T>
  void shuffle(std::span<T> items) {
    for (std::size_t i = items.size(); i > 1; --i) std::swap(items[i - 1], items[below(i)]);
  }

  // A generator for a sub-task: independent of how many numbers the others draw.
  [[nodiscard]] RandomSource fork(std::uint64_t stream) const {
    RandomSource child(state_ ^ (stream * 0xd1342543de82ef95ULL + 0x632be59bd9b4e019ULL));
    child.next();
    return child;
  }

 private:
  std::uint64_t state_;
};

// The seed of sub-task `stream`: independent of the others.
[[nodiscard]] inline std::uint64_t mix_seed(std::uint64_t seed, std::uint64_t stream) {
  return RandomSource(seed).fork(stream).next();
}

}  // namespace mp::partition
