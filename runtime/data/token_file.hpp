// Files of tokens: numbers, as nanoGPT's prepare.py and llm.c write them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "runtime/data/mapped_file.hpp"
#include "runtime/data/token_sequence.hpp"

namespace mp::runtime {

struct TokenFile {
  MappedFile file;
  TokenPiece tokens;
};

struct TokenFileOptions {
  std::optional<std::size_t> width;        // bytes of a token, where the user has said so
  std::optional<std::int64_t> vocabulary;  // of the model
};

// Little-endian uint16 or uint32. A file of llm.c says which in its header of 256 int32 (magic 20240520: uint16;
// 20240801: uint32; then version and number of tokens). In any other file all bytes are tokens, as wide as `width`
// says, else as its name does (uint16, u16, uint32, u32), else as the vocabulary needs: uint16 up to 65,536.
// Throws InputError: missing, empty, cut off, or of a width that nothing tells.
[[nodiscard]] TokenFile open_token_file(const std::string& path, const TokenFileOptions& options);

}  // namespace mp::runtime
