#include "lib/files/json_writer.hpp"

#include <array>
#include <charconv>
#include <cmath>
#include <cstddef>

#include <fmt/format.h>

#include "lib/base/check.hpp"

namespace mp {
namespace {

// Length of the UTF-8 character that starts at text[at]; 0 where none does (RFC 3629: no overlong forms, no
// surrogates, nothing above U+10FFFF).
std::size_t character_length(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U; };
  const unsigned first = byte(at);
  if (first < 0x80U) return 1;
  const std::size_t length = first >= 0xf0U ? 4 : first >= 0xe0U ? 3 : 2;
  if (first < 0xc2U || first > 0xf4U) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(at + i) & 0xc0U) != 0x80U) return 0;
  }
  const unsigned second = byte(at + 1);
  const bool wrong = (first == 0xe0U && second < 0xa0U) || (first == 0xedU && second > 0x9fU) ||
                     (first == 0xf0U && second < 0x90U) || (first == 0xf4U && second > 0x8fU);
  return wrong ? 0 : length;
}

std::string escaped(char c) {
  switch (c) {
    case '"':
      return "\\\"";
    case '\\':
      return "\\\\";
    case '\n':
      return "\\n";
    case '\t':
      return "\\t";
    case '\r':
      return "\\r";
    default:
      return fmt::format("\\u{:04x}", static_cast<unsigned>(c));
  }
}

}  // namespace

std::string json_number(double value) {
  MP_CHECK(std::isfinite(value));
  std::array<char, 32> digits{};
  const std::to_chars_result end = std::to_chars(digits.data(), digits.data() + digits.size(), value);
  std::string text(digits.data(), end.ptr);
  const std::size_t e = text.find('e');
  if (e == std::string::npos) return text.find('.') == std::string::npos ? text + ".0" : text;
  // "1e+09" → "1e9", "1e-05" → "1e-5".
  std::string exponent = text.substr(e + 1);
  const std::string sign = exponent.front() == '-' ? "-" : "";
  exponent.erase(0, exponent.find_first_not_of("+-0"));
  return text.substr(0, e + 1) + sign + exponent;
}

std::string json_string(std::string_view text) {
  std::string result = "\"";
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t length = character_length(text, at);
    const char c = text[at];
    if (length == 0) {
      result += "\\ufffd";
    } else if (length == 1 && (static_cast<unsigned char>(c) < 0x20U || c == '"' || c == '\\')) {
      result += escaped(c);
    } else {
      result += text.substr(at, length);
    }
    at += length == 0 ? 1 : length;
  }
  return result + '"';
}

JsonWriter& JsonWriter::begin(char opening, char closing, Layout layout) {
  separate();
  if (!open_.empty() && open_.back().layout == Layout::kInline) layout = Layout::kInline;
  text_ += opening;
  open_.push_back({closing, layout, true});
  return *this;
}

JsonWriter& JsonWriter::end() {
  MP_CHECK(!open_.empty() && !after_key_);
  const Open last = open_.back();
  open_.pop_back();
  if (!last.empty && last.layout == Layout::kLines) text_ += '\n' + std::string(2 * open_.size(), ' ');
  text_ += last.closing;
  return *this;
}

JsonWriter& JsonWriter::key(std::string_view name) {
  MP_CHECK(!open_.empty() && open_.back().closing == '}' && !after_key_);
  separate();
  text_ += json_string(name);
  text_ += ": ";
  after_key_ = true;
  return *this;
}

JsonWriter& JsonWriter::raw(std::string_view text) {
  separate();
  text_ += text;
  return *this;
}

void JsonWriter::separate() {
  if (after_key_) {
    after_key_ = false;
    return;
  }
  if (open_.empty()) return;
  Open& inside = open_.back();
  if (!inside.empty) text_ += inside.layout == Layout::kLines ? "," : ", ";
  if (inside.layout == Layout::kLines) text_ += '\n' + std::string(2 * open_.size(), ' ');
  inside.empty = false;
}

std::string JsonWriter::take() && {
  MP_CHECK(open_.empty() && !after_key_);
  text_ += '\n';
  return std::move(text_);
}

}  // namespace mp
