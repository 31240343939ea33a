// Counter-based random numbers: the i-th number of a named stream, whichever device or thread asks.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace mp {

// Philox4x32-10: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
[[nodiscard]] std::array<std::uint32_t, 4> philox(std::array<std::uint32_t, 4> counter,
                                                  std::array<std::uint32_t, 2> key);

// x with P(X ≤ x) = p for a standard normal X, 0 < p < 1: Wichura, "The percentage points of the normal distribution"
// (AS 241, PPND16), Applied Statistics 37 (3), 1988. Relative error about 1e-16. Made of additions, products,
// quotients and square roots alone, so equal bits everywhere.
[[nodiscard]] double normal_quantile(double p);

// A stream keyed by (seed, name, step): element i is a pure function of these four. Two streams with different
// names are independent. Identical on every platform with IEEE doubles.
class RandomStream {
 public:
  RandomStream(std::uint64_t seed, std::string_view name, std::uint64_t step = 0);

  [[nodiscard]] std::uint64_t bits(std::uint64_t i) const;
  [[nodiscard]] double uniform(std::uint64_t i) const;  // [0, 1), 53 bits
  [[nodiscard]] double normal(std::uint64_t i) const;   // normal_quantile of a uniform number in (0, 1), 52 bits
  // [0, bound), bound > 0; no number is more likely than another by more than bound / 2⁶⁴.
  [[nodiscard]] std::uint64_t below(std::uint64_t i, std::uint64_t bound) const;

  // The key of the generator, for device code: bits(i) are the first two words (low word first) of
  // philox({low(i), high(i), low(step), high(step)}, key()).
  [[nodiscard]] std::array<std::uint32_t, 2> key() const { return key_; }

 private:
  std::array<std::uint32_t, 2> key_;
  std::uint64_t step_;
};

}  // namespace mp
