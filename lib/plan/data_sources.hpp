// Where training data comes from.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace mp {

enum class TokenType : std::uint8_t { kUint16, kUint32 };
inline constexpr std::array kTokenTypes = {TokenType::kUint16, TokenType::kUint32};
[[nodiscard]] std::string_view name_of(TokenType type);  // "uint16", "uint32"

struct CsvSource {
  std::string path;
  bool has_header = true;
  std::string label{};  // name or number (from 1) of the column of classes; empty: the last
  char separator = ',';
  friend bool operator==(const CsvSource&, const CsvSource&) = default;
};

// Paths in a file are relative to the file's folder; read_recipe makes them relative to the working directory, or
// absolute.
struct DataSources {
  std::vector<std::string> text;                         // files and folders, for "tokens" and "next-tokens"
  std::optional<std::string> vocabulary;                 // folder of GPT-2's files: text is read as its tokens
  std::vector<std::string> token_files;                  // *.bin, and folders of them, instead of text
  std::optional<TokenType> token_type;                   // of token files that do not say it themselves
  std::optional<std::string> images;                     // .npy or IDX, or a folder with a subfolder for each class
  std::optional<std::string> labels;                     // .npy or IDX
  std::vector<double> image_mean;                        // taken off images, one for each channel or for all
  std::vector<double> image_std;                         // then they are divided by it
  std::optional<CsvSource> csv;                          // instead of images and labels, and for "columns:…"
  std::map<std::string, std::string, std::less<>> fill;  // input → what fills it (ModelInput::data), overriding
  friend bool operator==(const DataSources&, const DataSources&) = default;
};

}  // namespace mp
