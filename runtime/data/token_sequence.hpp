// Tokens of files, read as one sequence.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace mp::runtime {

// Unsigned little-endian numbers of `width` bytes each (1, 2 or 4), somewhere in a file. The bytes outlive the
// sequence.
struct TokenPiece {
  static constexpr std::int64_t kNotInFile = -1;
  std::span<const std::uint8_t> bytes;  // a multiple of width
  std::size_t width = 1;
  std::string path;               // for messages
  std::int64_t offset_bytes = 0;  // of the first token in the file; kNotInFile: the file is text
};

struct TokenCounts {
  std::vector<std::int64_t> of_token;  // by token
  // The first token that is not below the bound, in words: "train.bin: byte 1026: token 60000".
  std::optional<std::string> first_beyond;
};

class TokenSequence {
 public:
  void append(TokenPiece piece);
  void append(std::span<const std::uint8_t> bytes) {
    append({.bytes = bytes, .width = 1, .path = {}, .offset_bytes = 0});
  }
  [[nodiscard]] std::int64_t size() const { return starts_.back(); }
  // tokens ← the sequence from `first` on. All of it must be there.
  void copy(std::int64_t first, std::span<std::int64_t> tokens) const;
  // Reads everything once. Tokens from `bound` on are not counted.
  [[nodiscard]] TokenCounts counts(std::int64_t bound) const;

 private:
  std::vector<TokenPiece> pieces_;
  std::vector<std::int64_t> starts_ = {0};  // of each piece, and the end
};

// The entropy, in nats, of the distribution with these counts: the loss of a model that knows no more than how often
// each token occurs.
[[nodiscard]] double entropy(std::span<const std::int64_t> counts);

}  // namespace mp::runtime
