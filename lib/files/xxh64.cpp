#include "lib/files/xxh64.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

#include <fmt/format.h>

namespace mp {
namespace {

static_assert(std::endian::native == std::endian::little, "XXH64 and safetensors are little-endian");

template <class Word>
std::uint64_t read(const std::byte* bytes) {
  Word word = 0;
  std::memcpy(&word, bytes, sizeof word);
  return word;
}

}  // namespace

std::uint64_t Xxh64::round(std::uint64_t lane, std::uint64_t input) {
  return std::rotl(lane + input * kPrime2, 31) * kPrime1;
}

void Xxh64::consume(const std::byte* stripe) {
  for (std::size_t lane = 0; lane < lanes_.size(); ++lane) {
    lanes_[lane] = round(lanes_[lane], read<std::uint64_t>(stripe + 8 * lane));
  }
}

void Xxh64::update(std::span<const std::byte> bytes) {
  length_bytes_ += bytes.size();
  if (filled_ > 0) {
    const std::size_t count = std::min(bytes.size(), kStripeBytes - filled_);
    std::copy_n(bytes.data(), count, rest_.data() + filled_);
    bytes = bytes.subspan(count);
    filled_ += count;
    if (filled_ < kStripeBytes) return;
    consume(rest_.data());
  }
  for (; bytes.size() >= kStripeBytes; bytes = bytes.subspan(kStripeBytes)) consume(bytes.data());
  std::copy_n(bytes.data(), bytes.size(), rest_.data());
  filled_ = bytes.size();
}

std::uint64_t Xxh64::value() const {
  std::uint64_t hash = kPrime5;
  if (length_bytes_ >= kStripeBytes) {
    hash = std::rotl(lanes_[0], 1) + std::rotl(lanes_[1], 7) + std::rotl(lanes_[2], 12) + std::rotl(lanes_[3], 18);
    for (const std::uint64_t lane : lanes_) hash = (hash ^ round(0, lane)) * kPrime1 + kPrime4;
  }
  hash += length_bytes_;
  std::size_t at = 0;
  for (; at + 8 <= filled_; at += 8) {
    hash = std::rotl(hash ^ round(0, read<std::uint64_t>(rest_.data() + at)), 27) * kPrime1 + kPrime4;
  }
  if (at + 4 <= filled_) {
    hash = std::rotl(hash ^ read<std::uint32_t>(rest_.data() + at) * kPrime1, 23) * kPrime2 + kPrime3;
    at += 4;
  }
  for (; at < filled_; ++at) hash = std::rotl(hash ^ read<std::uint8_t>(rest_.data() + at) * kPrime5, 11) * kPrime1;
  hash = (hash ^ hash >> 33U) * kPrime2;
  hash = (hash ^ hash >> 29U) * kPrime3;
  return hash ^ hash >> 32U;
}

std::string Xxh64::hex() const { return fmt::format("{:016x}", value()); }

}  // namespace mp
