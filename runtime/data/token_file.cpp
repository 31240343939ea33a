#include "runtime/data/token_file.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cstring>
#include <filesystem>
#include <string_view>
#include <utility>

#include "lib/base/error.hpp"

namespace mp::runtime {
namespace {

constexpr std::size_t kHeaderBytes = 1024;
constexpr std::int64_t kUint16Vocabulary = 65'536;

struct Header {
  std::size_t width = 0;
  std::uint32_t tokens = 0;
};

[[noreturn]] void fail(const std::string& path, const std::string& message) {
  throw InputError(path, Issue{"", message});
}

std::uint32_t word(std::span<const std::uint8_t> bytes, std::size_t i) {
  std::uint32_t value = 0;
  std::memcpy(&value, bytes.data() + 4 * i, sizeof(value));
  return value;
}

// That of llm.c (dev/data/data_common.py), if it is one.
std::optional<Header> header_of(const std::string& path, std::span<const std::uint8_t> bytes) {
  constexpr std::array<std::pair<std::uint32_t, std::size_t>, 2> kMagic = {{{20240520, 2}, {20240801, 4}}};
  if (bytes.size() < 4) return std::nullopt;
  const auto known =
      std::find_if(kMagic.begin(), kMagic.end(), [&](const auto& m) { return m.first == word(bytes, 0); });
  if (known == kMagic.end()) return std::nullopt;
  if (bytes.size() < kHeaderBytes) {
    fail(path, fmt::format("ends inside its header of {} bytes, after {}", kHeaderBytes, bytes.size()));
  }
  return Header{known->second, word(bytes, 2)};
}

std::optional<std::size_t> width_in_name(const std::string& path) {
  std::string name = std::filesystem::path(path).filename().string();
  std::transform(name.begin(), name.end(), name.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  const auto says = [&](const char* text) { return name.find(text) != std::string::npos; };
  if (says("uint16") || says("u16")) return 2;
  if (says("uint32") || says("u32")) return 4;
  return std::nullopt;
}

std::size_t width_of_plain_file(const std::string& path, const TokenFileOptions& options) {
  if (options.width) return *options.width;
  if (const auto named = width_in_name(path)) return *named;
  if (options.vocabulary) return *options.vocabulary <= kUint16Vocabulary ? 2 : 4;
  fail(path, "nothing tells the width of its tokens: say --data token-type=uint16 or uint32");
}

}  // namespace

TokenFile open_token_file(const std::string& path, const TokenFileOptions& options) {
  TokenFile result{.file = MappedFile(path), .tokens = {}};
  const std::span<const std::uint8_t> bytes = result.file.bytes();
  if (bytes.empty()) fail(path, "is empty: no tokens in it");
  const std::optional<Header> header = header_of(path, bytes);
  const std::size_t width = header ? header->width : width_of_plain_file(path, options);
  if (header && options.width && *options.width != width) {
    fail(path, fmt::format("its header says uint{}, but uint{} was asked for", 8 * width, 8 * *options.width));
  }
  const std::size_t start = header ? kHeaderBytes : 0;
  const std::size_t size = bytes.size() - start;
  if (header && size != std::size_t{header->tokens} * width) {
    fail(path,
         fmt::format("its header promises {} tokens of {} bytes, but {} bytes follow it", header->tokens, width, size));
  }
  if (size % width != 0) {
    fail(path, fmt::format("holds {} bytes, no whole number of uint{} tokens: cut off, or of another type "
                           "(--data token-type=uint16 or uint32)",
                           size, 8 * width));
  }
  if (size == 0) fail(path, "has a header, but no tokens");
  result.tokens = {
      .bytes = bytes.subspan(start), .width = width, .path = path, .offset_bytes = static_cast<std::int64_t>(start)};
  return result;
}

}  // namespace mp::runtime
