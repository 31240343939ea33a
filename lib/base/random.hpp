// Counter-based random numbers: the i-th number of a named stream, whichever device or thread asks.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace mp {

// Philox4x32-10: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
[[nodiscard]] std::array<std::uint32_t, 4> philox(std::array<std::uint32_t, 4> counter,
                                                  std::array<std::uint32_t, 2> key);

// A stream keyed by (seed, name, step): element i is a pure function of these four. Two streams with different
// names are independent. Identical on every platform with IEEE doubles.
class RandomStream {
 public:
  RandomStream(std::uint64_t seed, std::string_view name, std::uint64_t step = 0);

  [[nodiscard]] std::uint64_t bits(std::uint64_t i) const;
  [[nodiscard]] double uniform(std::uint64_t i) const;  // [0, 1), 53 bits
  [[nodiscard]] double normal(std::uint64_t i) const;   // inverse of the normal distribution (Wichura, AS 241, 1988)
  [[nodiscard]] std::uint64_t below(std::uint64_t i, std::uint64_t bound) const;  // [0, bound), bound > 0

 private:
  std::array<std::uint32_t, 2> key_;
  std::uint64_t step_;
};

}  // namespace mp
