// XXH64 (Collet, "xxHash fast digest algorithm", specification 0.1.1): notices damaged files at the speed of memory. No
// defence against intent.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace mp {

class Xxh64 {
 public:
  void update(std::span<const std::byte> bytes);
  [[nodiscard]] std::uint64_t value() const;  // of everything so far, seed 0
  [[nodiscard]] std::string hex() const;      // 16 digits

 private:
  static constexpr std::size_t kStripeBytes = 32;
  void consume(const std::byte* stripe);

  static constexpr std::uint64_t kPrime1 = 0x9e3779b185ebca87U;
  static constexpr std::uint64_t kPrime2 = 0xc2b2ae3d27d4eb4fU;
  static constexpr std::uint64_t kPrime3 = 0x165667b19e3779f9U;
  static constexpr std::uint64_t kPrime4 = 0x85ebca77c2b2ae63U;
  static constexpr std::uint64_t kPrime5 = 0x27d4eb2f165667c5U;

  static std::uint64_t round(std::uint64_t lane, std::uint64_t input);

  std::array<std::uint64_t, 4> lanes_ = {kPrime1 + kPrime2, kPrime2, 0, 0U - kPrime1};
  std::array<std::byte, kStripeBytes> rest_{};
  std::size_t filled_ = 0;
  std::uint64_t length_bytes_ = 0;
};

}  // namespace mp
