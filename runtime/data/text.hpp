// Text as a stream of tokens: its bytes, or numbers from token files; the end of every file is held out of training.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "runtime/data/mapped_file.hpp"
#include "runtime/data/token_file.hpp"
#include "runtime/data/token_sequence.hpp"
#include "runtime/data/vocabulary.hpp"

namespace mp::runtime {

// The share of every file, at its end, that is never trained on.
inline constexpr std::int64_t kHeldOutDivisor = 20;

enum class HoldOut : std::uint8_t { kEnd, kNothing };

struct Text {
  std::string description;  // where it comes from
  std::vector<MappedFile> files;
  std::vector<std::vector<std::uint32_t>> encoded;  // the files' tokens, where they are no bytes
  TokenSequence training;
  TokenSequence held_out;
};

struct TextOptions {
  HoldOut hold_out = HoldOut::kEnd;
  // Null: every byte is a token. Else all is encoded, each file with the vocabulary's end of text after it.
  const Vocabulary* vocabulary = nullptr;
};

// Reads files and folders (all text files below, in order of their paths; neither symbolic links nor files with NUL
// bytes at their start). Throws InputError naming what is missing.
[[nodiscard]] Text open_text(const std::vector<std::string>& paths, const TextOptions& options = {});

// Reads token files, and all "*.bin" in folders. Throws InputError like open_token_file().
[[nodiscard]] Text open_token_files(const std::vector<std::string>& paths, const TokenFileOptions& options,
                                    HoldOut hold_out = HoldOut::kEnd);

// Text that every Debian and Ubuntu system has: its common licences and the base modules of Perl.
[[nodiscard]] Text open_default_text(const TextOptions& options = {});

}  // namespace mp::runtime
