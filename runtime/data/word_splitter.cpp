// The Unicode classes of letters and numbers are PCRE2's: a table of our own would have to follow every new version.
#include "runtime/data/word_splitter.hpp"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <fmt/core.h>
#include <pcre2.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

#include "lib/base/check.hpp"
#include "lib/base/error.hpp"

namespace mp::runtime {
namespace {

// \s of Unicode's property White_Space, written out: PCRE2's own \s has U+180E besides.
#define MP_SPACE R"(\x09-\x0d\x20\x85\xa0\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000})"
constexpr const char* kPattern = R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^)" MP_SPACE
                                 R"(\p{L}\p{N}]+|[)" MP_SPACE R"(]+(?![^)" MP_SPACE R"(])|[)" MP_SPACE R"(]+)";
#undef MP_SPACE

std::uint8_t byte(std::string_view text, std::size_t i) { return static_cast<std::uint8_t>(text[i]); }

// Bytes of the UTF-8 character at `at`; 0 where there is none (RFC 3629: no surrogates, nothing overlong).
std::size_t character_length(std::string_view text, std::size_t at) {
  const std::uint8_t first = byte(text, at);
  if (first < 0x80) return 1;
  const std::size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4 || text.size() - at < length) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(text, at + i) & 0xC0) != 0x80) return 0;
  }
  const std::uint8_t second = byte(text, at + 1);
  if ((first == 0xE0 && second < 0xA0) || (first == 0xED && second > 0x9F)) return 0;
  if ((first == 0xF0 && second < 0x90) || (first == 0xF4 && second > 0x8F)) return 0;
  return length;
}

// The end of the run of characters, or of bytes that are none, that starts at `at`.
std::size_t end_of_run(std::string_view text, std::size_t at) {
  const bool is_text = character_length(text, at) > 0;
  while (at < text.size()) {
    const std::size_t length = character_length(text, at);
    if ((length > 0) != is_text) break;
    at += std::max<std::size_t>(length, 1);
  }
  return at;
}

}  // namespace

struct WordSplitter::Pattern {
  struct Free {
    void operator()(pcre2_code* code) const { pcre2_code_free(code); }
    void operator()(pcre2_match_data* data) const { pcre2_match_data_free(data); }
  };
  std::unique_ptr<pcre2_code, Free> code;

  [[nodiscard]] std::unique_ptr<pcre2_match_data, Free> match_data() const {
    return std::unique_ptr<pcre2_match_data, Free>(pcre2_match_data_create_from_pattern(code.get(), nullptr));
  }
};

WordSplitter::WordSplitter() : pattern_(std::make_unique<Pattern>()) {
  int error = 0;
  PCRE2_SIZE place = 0;
  const void* pattern = kPattern;
  pattern_->code.reset(pcre2_compile(static_cast<PCRE2_SPTR>(pattern), PCRE2_ZERO_TERMINATED, PCRE2_UTF | PCRE2_UCP,
                                     &error, &place, nullptr));
  MP_CHECK(pattern_->code != nullptr);
  pcre2_jit_compile(pattern_->code.get(), PCRE2_JIT_COMPLETE);  // where it can: without it, the same but slower
}

WordSplitter::~WordSplitter() = default;

void WordSplitter::split(std::string_view text, const std::function<void(std::string_view)>& word) const {
  const auto match = pattern_->match_data();
  for (std::size_t at = 0; at < text.size();) {
    const std::string_view run = text.substr(at, end_of_run(text, at) - at);
    at += run.size();
    if (character_length(run, 0) == 0) {
      word(run);
      continue;
    }
    const void* subject = run.data();
    for (std::size_t start = 0; start < run.size();) {
      const int found = pcre2_match(pattern_->code.get(), static_cast<PCRE2_SPTR>(subject), run.size(), start,
                                    PCRE2_NO_UTF_CHECK, match.get(), nullptr);
      if (found <= 0) throw RunError(fmt::format("PCRE2 cannot split text into words (error {})", found));
      const PCRE2_SIZE* ends = pcre2_get_ovector_pointer(match.get());
      MP_CHECK(ends[0] == start && ends[1] > start);  // every character belongs to one of the alternatives
      word(run.substr(start, ends[1] - start));
      start = ends[1];
    }
  }
}

}  // namespace mp::runtime
