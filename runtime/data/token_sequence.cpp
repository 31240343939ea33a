#include "runtime/data/token_sequence.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <utility>

static_assert(std::endian::native == std::endian::little);

namespace mp::runtime {
namespace {

template <class T>
class Loader {
 public:
  explicit Loader(const TokenPiece& piece) : bytes_(piece.bytes.data()) {}
  std::int64_t operator[](std::size_t i) const {
    T token = 0;
    std::memcpy(&token, bytes_ + i * sizeof(T), sizeof(T));
    return token;
  }

 private:
  const std::uint8_t* bytes_;
};

// visit(tokens) with the piece as an array.
template <class Visit>
void with_tokens(const TokenPiece& piece, const Visit& visit) {
  if (piece.width == 1) return visit(Loader<std::uint8_t>(piece));
  if (piece.width == 2) return visit(Loader<std::uint16_t>(piece));
  return visit(Loader<std::uint32_t>(piece));
}

std::string described(const TokenPiece& piece, std::size_t position, std::int64_t token) {
  if (piece.offset_bytes < 0) return fmt::format("{}: token {}", piece.path, token);
  const auto at = piece.offset_bytes + static_cast<std::int64_t>(position * piece.width);
  return fmt::format("{}: byte {}: {} {}", piece.path, at, piece.width == 1 ? "the byte" : "token", token);
}

}  // namespace

void TokenSequence::append(TokenPiece piece) {
  const auto tokens = static_cast<std::int64_t>(piece.bytes.size() / piece.width);
  if (tokens == 0) return;
  starts_.push_back(starts_.back() + tokens);
  pieces_.push_back(std::move(piece));
}

void TokenSequence::copy(std::int64_t first, std::span<std::int64_t> tokens) const {
  const auto after = std::upper_bound(starts_.begin(), starts_.end(), first);
  auto number = static_cast<std::size_t>(after - starts_.begin()) - 1;
  auto position = static_cast<std::size_t>(first - starts_[number]);
  while (!tokens.empty()) {
    const TokenPiece& piece = pieces_[number++];
    const std::size_t count = std::min(tokens.size(), piece.bytes.size() / piece.width - position);
    with_tokens(piece, [&](const auto& stored) {
      for (std::size_t i = 0; i < count; ++i) tokens[i] = stored[position + i];
    });
    tokens = tokens.subspan(count);
    position = 0;
  }
}

TokenCounts TokenSequence::counts(std::int64_t bound) const {
  TokenCounts counts{.of_token = std::vector<std::int64_t>(static_cast<std::size_t>(bound)), .first_beyond = {}};
  for (const TokenPiece& piece : pieces_) {
    with_tokens(piece, [&](const auto& stored) {
      for (std::size_t i = 0; i < piece.bytes.size() / piece.width; ++i) {
        const std::int64_t token = stored[i];
        if (token < bound) {
          ++counts.of_token[static_cast<std::size_t>(token)];
        } else if (!counts.first_beyond) {
          counts.first_beyond = described(piece, i, token);
        }
      }
    });
  }
  return counts;
}

double entropy(std::span<const std::int64_t> counts) {
  double total = 0.0;
  for (const std::int64_t count : counts) total += static_cast<double>(count);
  double sum = 0.0;
  for (const std::int64_t count : counts) {
    const double share = static_cast<double>(count) / total;
    if (count > 0) sum -= share * std::log(share);
  }
  return sum;
}

}  // namespace mp::runtime
