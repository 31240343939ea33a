// Text as a stream of bytes, each a token; the end of every file is held out of training.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "runtime/data/mapped_file.hpp"

namespace mp::runtime {

// The share of every file, at its end, that is never trained on.
inline constexpr std::int64_t kHeldOutDivisor = 20;

// Pieces of files, read as one sequence.
class TokenSequence {
 public:
  void append(std::span<const std::uint8_t> bytes);
  [[nodiscard]] std::int64_t size() const { return starts_.back(); }
  // tokens ← the sequence from `first` on. All of it must be there.
  void copy(std::int64_t first, std::span<std::int64_t> tokens) const;
  [[nodiscard]] std::array<std::int64_t, 256> counts() const;

 private:
  std::vector<std::span<const std::uint8_t>> pieces_;
  std::vector<std::int64_t> starts_ = {0};  // of each piece, and the end
};

// The entropy, in nats, of the distribution with these counts: the loss of a model that knows no more than how often
// each token occurs.
[[nodiscard]] double entropy(std::span<const std::int64_t> counts);

struct Text {
  std::string description;  // where it comes from
  std::vector<MappedFile> files;
  TokenSequence training;
  TokenSequence held_out;
};

// Reads files and folders (all text files below, in order of their paths; neither symbolic links nor files with NUL
// bytes at their start). Throws InputError naming what is missing.
[[nodiscard]] Text open_text(const std::vector<std::string>& paths);

// Text that every Debian and Ubuntu system has: its common licences and the base modules of Perl.
[[nodiscard]] Text open_default_text();

}  // namespace mp::runtime
