#include "runtime/data/sample_order.hpp"

#include <bit>

#include "lib/base/check.hpp"
#include "lib/base/random.hpp"

namespace mp::runtime {
namespace {

constexpr std::uint64_t kRounds = 6;

std::uint64_t encrypt(const RandomStream& key, std::uint64_t value, std::uint32_t half_bits) {
  const std::uint64_t mask = (std::uint64_t{1} << half_bits) - 1;
  std::uint64_t left = value >> half_bits;
  std::uint64_t right = value & mask;
  for (std::uint64_t round = 0; round < kRounds; ++round) {
    const std::uint64_t next = left ^ (key.bits(right * kRounds + round) & mask);
    left = right;
    right = next;
  }
  return (left << half_bits) | right;
}

}  // namespace

SampleOrder::SampleOrder(std::uint64_t seed, std::int64_t size) : seed_(seed), size_(size) {
  MP_CHECK(size > 0);
  const auto bits = static_cast<std::uint32_t>(std::bit_width(static_cast<std::uint64_t>(size - 1)));
  half_bits_ = (bits + 1) / 2;
}

std::int64_t SampleOrder::at(std::int64_t position) const {
  if (size_ == 1) return 0;
  const RandomStream key(seed_, "data order", static_cast<std::uint64_t>(position / size_));
  auto value = static_cast<std::uint64_t>(position % size_);
  do {
    value = encrypt(key, value, half_bits_);
  } while (value >= static_cast<std::uint64_t>(size_));
  return static_cast<std::int64_t>(value);
}

}  // namespace mp::runtime
