#include "partition/files/line_scanner.hpp"

#include <fmt/format.h>

#include <charconv>
#include <cstring>
#include <system_error>

#include "lib/base/error.hpp"

namespace mp::partition {
namespace {

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r'; }

// The word at the front as it may stand in a message: short, and printable.
std::string quoted_word(std::string_view text) {
  std::string word;
  for (const char c : text.substr(0, 20)) {
    if (is_blank(c)) break;
    word += c >= ' ' && c <= '~' ? c : '?';
  }
  return "\"" + word + "\"";
}

}  // namespace

bool LineScanner::next_line() {
  while (!text_.empty()) {
    ++line_;
    const void* newline = std::memchr(text_.data(), '\n', text_.size());
    const std::size_t length =
        newline == nullptr ? text_.size() : static_cast<std::size_t>(static_cast<const char*>(newline) - text_.data());
    line_text_ = text_.substr(0, length);
    text_.remove_prefix(std::min(text_.size(), length + 1));
    if (line_text_.empty() || line_text_.front() != '%') return true;
  }
  line_text_ = {};
  return false;
}

std::optional<std::int64_t> LineScanner::next_number() {
  while (!line_text_.empty() && is_blank(line_text_.front())) line_text_.remove_prefix(1);
  if (line_text_.empty()) return std::nullopt;
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(line_text_.data(), line_text_.data() + line_text_.size(), value);
  if (error == std::errc::result_out_of_range) refuse(quoted_word(line_text_) + " does not fit 64 bits");
  const auto used = static_cast<std::size_t>(end - line_text_.data());
  if (error != std::errc() || (used < line_text_.size() && !is_blank(line_text_[used])))
    refuse(quoted_word(line_text_) + " is no whole number");
  line_text_.remove_prefix(used);
  return value;
}

void LineScanner::refuse_at(std::int64_t line, const std::string& message) const {
  throw InputError(source_, Issue{.place = fmt::format("line {}", line), .message = message});
}

}  // namespace mp::partition
