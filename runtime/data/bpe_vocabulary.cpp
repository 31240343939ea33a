#include "runtime/data/bpe_vocabulary.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <limits>
#include <optional>
#include <queue>
#include <system_error>
#include <unordered_map>
#include <utility>

#include "lib/base/error.hpp"
#include "lib/base/text.hpp"
#include "lib/files/atomic_file.hpp"
#include "lib/files/json.hpp"
#include "runtime/data/word_splitter.hpp"

namespace mp::runtime {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void fail(const std::string& path, std::string place, const std::string& message) {
  throw InputError(path, Issue{std::move(place), message});
}

std::string utf8(std::uint32_t c) {
  if (c < 0x80) return {static_cast<char>(c)};
  return {static_cast<char>(0xC0U | (c >> 6U)), static_cast<char>(0x80U | (c & 0x3FU))};
}

// GPT-2 writes a byte in its files as a character that can be seen: itself where it is one, else one from U+0100 on.
std::unordered_map<std::string, char> bytes_by_character() {
  std::unordered_map<std::string, char> bytes;
  std::uint32_t next = 0x100;
  for (std::uint32_t byte = 0; byte < 256; ++byte) {
    const bool is_seen = (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
    bytes.emplace(utf8(is_seen ? byte : next++), static_cast<char>(byte));
  }
  return bytes;
}

// The bytes that a token of the files stands for; nothing where some character stands for none.
std::optional<std::string> bytes_of(std::string_view written, const std::unordered_map<std::string, char>& bytes) {
  std::string result;
  while (!written.empty()) {
    const std::size_t length = static_cast<unsigned char>(written.front()) < 0x80 ? 1 : 2;
    const auto found = bytes.find(std::string(written.substr(0, length)));
    if (found == bytes.end()) return std::nullopt;
    result += found->second;
    written.remove_prefix(length);
  }
  return result;
}

using Token = std::int64_t;
using Pair = std::pair<Token, Token>;
struct PairHash {
  std::size_t operator()(const Pair& pair) const {
    return std::hash<std::uint64_t>{}(static_cast<std::uint64_t>(pair.first) << 32U ^
                                      static_cast<std::uint64_t>(pair.second));
  }
};
struct Merge {
  std::size_t rank = 0;  // its line: the earlier, the sooner
  Token token = 0;       // what it makes
};

// A place in a word, linked to its neighbours by position; merged into the one before: token −1.
struct Part {
  Token token = -1;
  std::size_t before = 0;
  std::size_t after = 0;
};

class BpeVocabulary final : public Vocabulary {
 public:
  explicit BpeVocabulary(const std::string& folder);

  [[nodiscard]] std::vector<std::int64_t> encode(std::string_view text) const override;
  [[nodiscard]] std::string_view decode(std::int64_t token) const override {
    return bytes_[static_cast<std::size_t>(token)];
  }
  [[nodiscard]] std::int64_t size() const override { return static_cast<std::int64_t>(bytes_.size()); }
  [[nodiscard]] std::optional<std::int64_t> end_of_text() const override { return end_of_text_; }

 private:
  void read_tokens(const std::string& path);
  void read_merges(const std::string& path);
  void read_merge(const std::string& path, std::size_t line, std::string_view text);
  void encode_word(std::string_view word, std::vector<Token>& tokens) const;

  WordSplitter splitter_;
  std::unordered_map<std::string, char> characters_ = bytes_by_character();
  std::vector<std::string> bytes_;                 // by token
  std::unordered_map<std::string, Token> tokens_;  // by their bytes, those of the merges alone
  std::array<Token, 256> byte_tokens_{};
  std::unordered_map<Pair, Merge, PairHash> merges_;
  std::optional<std::int64_t> end_of_text_;
};

void BpeVocabulary::read_tokens(const std::string& path) {
  constexpr std::string_view kEndOfText = "<|endoftext|>";
  JsonDocument document(read_file(path), path);
  const auto members = document.root().members();
  const auto count = static_cast<std::int64_t>(members.size());
  bytes_.resize(members.size());
  std::vector<bool> is_known(members.size(), false);
  for (const auto& [written, value] : members) {
    const Token token = value.integer(0, count - 1);
    if (is_known[static_cast<std::size_t>(token)] && document.good())
      value.issue(fmt::format("token {} has another name already", token));
    if (!document.good()) break;
    is_known[static_cast<std::size_t>(token)] = true;
    const std::optional<std::string> bytes = bytes_of(written, characters_);
    if (written == kEndOfText) end_of_text_ = token;
    bytes_[static_cast<std::size_t>(token)] = bytes && written != kEndOfText ? *bytes : std::string(written);
    if (bytes && written != kEndOfText) tokens_.emplace(*bytes, token);
  }
  document.finish();
  for (std::size_t byte = 0; byte < byte_tokens_.size(); ++byte) {
    const auto found = tokens_.find(std::string(1, static_cast<char>(byte)));
    if (found == tokens_.end())
      fail(path, "", fmt::format("has no token for the byte {}: it is no byte-level vocabulary", byte));
    byte_tokens_[byte] = found->second;
  }
}

void BpeVocabulary::read_merge(const std::string& path, std::size_t line, std::string_view text) {
  const std::string place = fmt::format("line {}", line);
  const std::size_t space = text.find(' ');
  if (space == std::string_view::npos || text.find(' ', space + 1) != std::string_view::npos) {
    fail(path, place, "is no pair of tokens with a space between them");
  }
  const auto token_of = [&](std::string_view written) -> std::pair<Token, std::string> {
    const std::optional<std::string> bytes = bytes_of(written, characters_);
    const auto found = bytes ? tokens_.find(*bytes) : tokens_.end();
    if (found == tokens_.end()) fail(path, place, fmt::format("the vocabulary has no token {}", quoted(written)));
    return {found->second, *bytes};
  };
  const auto [first, first_bytes] = token_of(text.substr(0, space));
  const auto [second, second_bytes] = token_of(text.substr(space + 1));
  const auto merged = tokens_.find(first_bytes + second_bytes);
  if (merged == tokens_.end()) {
    fail(path, place, fmt::format("merges two tokens into one that the vocabulary does not have: {}", quoted(text)));
  }
  if (!merges_.emplace(Pair{first, second}, Merge{merges_.size(), merged->second}).second) {
    fail(path, place, fmt::format("the pair {} was merged before", quoted(text)));
  }
}

void BpeVocabulary::read_merges(const std::string& path) {
  const std::string content = read_file(path);
  std::string_view rest(content);
  for (std::size_t line = 1; !rest.empty(); ++line) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    std::string_view text = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (text.ends_with('\r')) text.remove_suffix(1);
    if (text.empty() || (line == 1 && text.starts_with("#version"))) continue;
    read_merge(path, line, text);
  }
}

BpeVocabulary::BpeVocabulary(const std::string& folder) {
  const auto path_of = [&](const char* name) { return (fs::path(folder) / name).string(); };
  std::error_code error;
  const bool is_old = !fs::exists(path_of("vocab.json"), error) && fs::exists(path_of("encoder.json"), error);
  read_tokens(path_of(is_old ? "encoder.json" : "vocab.json"));
  read_merges(path_of(is_old ? "vocab.bpe" : "merges.txt"));
}

std::vector<std::int64_t> BpeVocabulary::encode(std::string_view text) const {
  constexpr std::size_t kMostRemembered = 1 << 16;
  std::unordered_map<std::string_view, std::vector<Token>> known;
  std::vector<Token> tokens;
  splitter_.split(text, [&](std::string_view word) {
    if (const auto found = known.find(word); found != known.end()) {
      tokens.insert(tokens.end(), found->second.begin(), found->second.end());
      return;
    }
    const std::size_t before = tokens.size();
    encode_word(word, tokens);
    if (known.size() < kMostRemembered)
      known.emplace(word, std::vector(tokens.begin() + static_cast<std::ptrdiff_t>(before), tokens.end()));
  });
  return tokens;
}

// The pairs wait in a queue by rank, then by place; one whose parts have changed since is passed over: O(n log n).
void BpeVocabulary::encode_word(std::string_view word, std::vector<Token>& tokens) const {
  struct Waiting {
    std::size_t rank;
    std::size_t place;
    Pair pair;
    bool operator>(const Waiting& other) const { return std::pair(rank, place) > std::pair(other.rank, other.place); }
  };
  std::vector<Part> parts(word.size());
  std::priority_queue<Waiting, std::vector<Waiting>, std::greater<>> queue;
  const auto look_at = [&](std::size_t place) {
    if (parts[place].after >= parts.size()) return;
    const Pair pair{parts[place].token, parts[parts[place].after].token};
    if (const auto merge = merges_.find(pair); merge != merges_.end()) queue.push({merge->second.rank, place, pair});
  };
  for (std::size_t i = 0; i < parts.size(); ++i) {
    parts[i] = {byte_tokens_[static_cast<unsigned char>(word[i])], i == 0 ? parts.size() : i - 1, i + 1};
  }
  for (std::size_t i = 0; i < parts.size(); ++i) look_at(i);
  while (!queue.empty()) {
    const Waiting next = queue.top();
    queue.pop();
    Part& first = parts[next.place];
    if (first.token != next.pair.first || first.after >= parts.size()) continue;
    if (parts[first.after].token != next.pair.second) continue;
    Part& second = parts[first.after];
    first.token = merges_.at(next.pair).token;
    second.token = -1;
    first.after = second.after;
    if (first.after < parts.size()) parts[first.after].before = next.place;
    look_at(next.place);
    if (first.before < parts.size()) look_at(first.before);
  }
  for (const Part& part : parts) {
    if (part.token >= 0) tokens.push_back(part.token);
  }
}

}  // namespace

std::unique_ptr<Vocabulary> open_bpe_vocabulary(const std::string& folder) {
  return std::make_unique<BpeVocabulary>(folder);
}

}  // namespace mp::runtime
