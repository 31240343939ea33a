#include <algorithm>
#include <bit>
#include <cstddef>
#include <limits>
#include <optional>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "lib/base/error.hpp"
#include "lib/base/text.hpp"
#include "lib/files/json_tape.hpp"

namespace mp {
namespace {

// "line 3, column 5" of a byte of the text.
std::string place_of(std::string_view text, std::size_t offset) {
  const std::string_view before = text.substr(0, std::min(offset, text.size()));
  const auto line = 1 + std::count(before.begin(), before.end(), '\n');
  const std::size_t line_start = before.rfind('\n') == std::string_view::npos ? 0 : before.rfind('\n') + 1;
  return fmt::format("line {}, column {}", line, std::max<std::size_t>(1, before.size() - line_start));
}

// What the parser's message says beside its number and place, which we give in our own way: "unexpected '}'; expected
// string literal". The token it shows may be the whole rest of the file, or no UTF-8.
std::string explanation(std::string_view message) {
  if (const std::size_t at = message.find(": syntax error"); at != std::string_view::npos) {
    message.remove_prefix(at + 2);
  } else if (const std::size_t bracket = message.find("] "); bracket != std::string_view::npos) {
    message.remove_prefix(bracket + 2);
  }
  const std::size_t last_read = message.find("; last read: ");
  const std::size_t expected = last_read == std::string_view::npos ? last_read : message.rfind("; expected ");
  std::string text(message.substr(0, last_read));
  if (expected != std::string_view::npos && expected > last_read) text += message.substr(expected);
  constexpr std::size_t kLongest = 300;
  return "not JSON: " + text.substr(0, kLongest);
}

// Receives the parser's events and writes the tape. The parser keeps its own stack (a bit per level): nothing here or
// there recurses.
class TapeBuilder final : public nlohmann::json_sax<nlohmann::json> {
 public:
  TapeBuilder(std::string_view text, std::string source) : text_(text), source_(std::move(source)) {}

  bool null() override { return append({JsonKind::kNull, 0, 0}); }
  bool boolean(bool value) override { return append({JsonKind::kBoolean, 0, value ? 1U : 0U}); }
  bool number_integer(number_integer_t value) override {
    return append({JsonKind::kInteger, 0, static_cast<std::uint64_t>(value)});
  }
  bool number_unsigned(number_unsigned_t value) override {
    const bool is_signed = value <= static_cast<number_unsigned_t>(std::numeric_limits<std::int64_t>::max());
    return append({is_signed ? JsonKind::kInteger : JsonKind::kUnsigned, 0, value});
  }
  bool number_float(number_float_t value, const string_t&) override {
    return append({JsonKind::kNumber, 0, std::bit_cast<std::uint64_t>(value)});
  }
  bool string(string_t& value) override { return append(keep(value)); }
  bool binary(binary_t&) override { return false; }
  bool start_object(std::size_t) override { return open(JsonKind::kObject); }
  bool start_array(std::size_t) override { return open(JsonKind::kArray); }
  bool end_array() override { return close(); }
  bool end_object() override { return keys_differ() && close(); }
  bool key(string_t& value) override {
    tape_.entries.push_back(keep(value));
    return true;
  }
  bool parse_error(std::size_t position, const std::string&, const nlohmann::detail::exception& error) override {
    issue_ = Issue{place_of(text_, position), explanation(error.what())};
    return false;
  }

  [[nodiscard]] JsonDocument::Tape take() && {
    if (issue_) throw InputError(source_, *issue_);
    return std::move(tape_);
  }
  // The events ended early without a word: out of sequence.
  void finish(bool good) {
    if (!good && !issue_) issue_ = Issue{"", "not JSON"};
  }

 private:
  bool append(JsonEntry entry) {
    if (!open_.empty()) ++tape_.entries[open_.back()].length;
    tape_.entries.push_back(entry);
    return true;
  }
  JsonEntry keep(std::string_view bytes) {
    const std::size_t at = tape_.text.size();
    tape_.text += bytes;
    return {JsonKind::kString, static_cast<std::uint32_t>(bytes.size()), at};
  }
  bool open(JsonKind kind) {
    if (open_.size() == JsonDocument::kMaxDepth) {
      issue_ = Issue{"", fmt::format("nested deeper than {} levels", JsonDocument::kMaxDepth)};
      return false;
    }
    append({kind, 0, 0});
    open_.push_back(tape_.entries.size() - 1);
    return true;
  }
  bool close() {
    tape_.entries[open_.back()].payload = tape_.entries.size();
    open_.pop_back();
    return true;
  }
  bool keys_differ() {
    const std::size_t object = open_.back();
    tape_.entries[object].payload = tape_.entries.size();
    keys_.clear();
    for (std::size_t at = object + 1; at < tape_.entries.size(); at = tape_.next(at + 1)) {
      keys_.push_back(tape_.string(tape_.entries[at]));
    }
    std::sort(keys_.begin(), keys_.end());
    const auto twice = std::adjacent_find(keys_.begin(), keys_.end());
    if (twice == keys_.end()) return true;
    issue_ = Issue{json_pointer(tape_, object), fmt::format("key {} comes twice", quoted(*twice))};
    return false;
  }

  std::string_view text_;
  std::string source_;
  JsonDocument::Tape tape_;
  std::vector<std::size_t> open_;
  std::vector<std::string_view> keys_;
  std::optional<Issue> issue_;
};

}  // namespace

JsonDocument::Tape parse_json(std::string_view text, const std::string& source) {
  if (text.empty()) throw InputError(source, Issue{"", "the file is empty"});
  TapeBuilder builder(text, source);
  builder.finish(nlohmann::json::sax_parse(text.begin(), text.end(), &builder));
  return std::move(builder).take();
}

std::string json_pointer(const JsonDocument::Tape& tape, std::size_t at) {
  std::string pointer;
  std::size_t inside = 0;
  while (inside != at) {
    const bool is_object = tape.entries[inside].kind == JsonKind::kObject;
    std::size_t child = inside + 1;
    for (std::size_t position = 0;; ++position) {
      const std::size_t value = is_object ? child + 1 : child;
      const std::size_t next = tape.next(value);
      // An entry still open while parsing has no end yet; it is the last one.
      if (at < next || next <= value) {
        pointer += '/';
        pointer += is_object ? pointer_part(tape.string(tape.entries[child])) : std::to_string(position);
        inside = value;
        break;
      }
      child = next;
    }
  }
  return pointer;
}

}  // namespace mp
