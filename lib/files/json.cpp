#include "lib/files/json.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "lib/base/text.hpp"
#include "lib/files/json_tape.hpp"

namespace mp {

JsonDocument::JsonDocument(std::string_view text, std::string source)
    : source_(std::move(source)), tape_(std::make_unique<Tape>(parse_json(text, source_))) {}

JsonDocument::~JsonDocument() = default;

namespace {

// "model" of "mp.model/1"; empty for what is no file of ours.
std::string_view kind_of(std::string_view format) {
  for (const std::string_view kind : {"model", "plan", "cluster", "recipe", "profile"}) {
    if (format.starts_with("mp.") && format.substr(3).starts_with(kind) &&
        format.substr(3 + kind.size()).starts_with("/")) {
      return kind;
    }
  }
  return "";
}

std::string other_format(std::string_view format, std::string_view known) {
  const std::string_view kind = kind_of(format);
  const std::string_view wanted = kind_of(known);
  if (kind.empty() || wanted.empty() || kind == wanted) {
    return fmt::format("unknown format {}; known here: {}", quoted(format), known);
  }
  const bool is_unplanned = kind == "model" && wanted == "plan";
  return fmt::format("this is a {}, and a {} is expected{}", kind, wanted,
                     is_unplanned ? " (mpplan partition makes one of a model)" : "");
}

}  // namespace

JsonValue JsonDocument::root() { return {this, 0}; }

void JsonDocument::report(Issue issue) {
  if (issues_.size() < kMaxIssues) {
    issues_.push_back(std::move(issue));
  } else {
    ++more_issues_;
  }
}

void JsonDocument::require_format(std::string_view known) {
  if (root().kind() != JsonKind::kObject) {
    throw InputError(source_, Issue{"", fmt::format("an object with \"format\": \"{}\" is expected", known)});
  }
  for (const auto& [key, value] : root().members()) {
    if (key != "format") continue;
    const std::string format = value.string();
    finish();
    if (format == known) return;
    throw InputError(source_, Issue{"/format", other_format(format, known)});
  }
  throw InputError(source_, Issue{"", fmt::format("\"format\" is missing: \"{}\" is expected", known)});
}

void JsonDocument::finish() const {
  if (issues_.empty()) return;
  std::vector<Issue> issues = issues_;
  if (more_issues_ > 0) issues.push_back({"", fmt::format("and {} more", more_issues_)});
  throw InputError(source_, std::move(issues));
}

JsonKind JsonValue::kind() const { return present() ? document_->tape_->entries[node_].kind : JsonKind::kNull; }

std::string JsonValue::pointer() const { return present() ? json_pointer(*document_->tape_, node_) : ""; }

void JsonValue::issue(std::string message) const {
  if (!present()) return;
  // A place costs a walk through the document: not for issues that are counted alone.
  document_->report({document_->issues_.size() < JsonDocument::kMaxIssues ? pointer() : "", std::move(message)});
}

std::string JsonValue::describe() const {
  const JsonEntry& entry = document_->tape_->entries[node_];
  switch (entry.kind) {
    case JsonKind::kNull:
      return "null";
    case JsonKind::kBoolean:
      return entry.payload != 0 ? "true" : "false";
    case JsonKind::kInteger:
      return fmt::format("{}", static_cast<std::int64_t>(entry.payload));
    case JsonKind::kUnsigned:
      return fmt::format("{}", entry.payload);
    case JsonKind::kNumber:
      return fmt::format("{}", std::bit_cast<double>(entry.payload));
    case JsonKind::kString:
      return "the string " + quoted(document_->tape_->string(entry));
    case JsonKind::kArray:
      return "an array";
    case JsonKind::kObject:
      return "an object";
  }
  return "";
}

bool JsonValue::expect(JsonKind wanted_kind, std::string_view wanted) const {
  if (!present()) return false;
  if (kind() == wanted_kind) return true;
  issue(fmt::format("{} is expected here, not {}", wanted, describe()));
  return false;
}

bool JsonValue::is_number() const {
  return kind() == JsonKind::kInteger || kind() == JsonKind::kUnsigned || kind() == JsonKind::kNumber;
}

bool JsonValue::boolean() const {
  return expect(JsonKind::kBoolean, "true or false") && document_->tape_->entries[node_].payload != 0;
}

double JsonValue::number() const {
  if (kind() == JsonKind::kInteger) {
    return static_cast<double>(static_cast<std::int64_t>(document_->tape_->entries[node_].payload));
  }
  if (kind() == JsonKind::kUnsigned) return static_cast<double>(document_->tape_->entries[node_].payload);
  if (!expect(JsonKind::kNumber, "a number")) return 0.0;
  return std::bit_cast<double>(document_->tape_->entries[node_].payload);
}

double JsonValue::number_at_least(double minimum) const {
  const double value = number();
  if (!is_number()) return minimum;
  if (value >= minimum) return value;
  issue(fmt::format("{} is too small: {} or more is expected", describe(), minimum));
  return minimum;
}

double JsonValue::positive_number() const {
  const double value = number();
  if (!is_number()) return 1.0;
  if (value > 0.0) return value;
  issue("must be more than 0");
  return 1.0;
}

std::int64_t JsonValue::integer(std::int64_t minimum, std::int64_t maximum) const {
  const std::int64_t fallback = std::clamp<std::int64_t>(0, minimum, maximum);
  if (!expect(JsonKind::kInteger, "an integer")) return fallback;
  const auto value = static_cast<std::int64_t>(document_->tape_->entries[node_].payload);
  if (value >= minimum && value <= maximum) return value;
  if (maximum == std::numeric_limits<std::int64_t>::max()) {
    issue(fmt::format("{} is too small: {} or more is expected", value, minimum));
  } else {
    issue(fmt::format("{} is out of range: {} to {} is expected", value, minimum, maximum));
  }
  return fallback;
}

std::uint64_t JsonValue::unsigned_integer() const {
  if (kind() == JsonKind::kUnsigned) return document_->tape_->entries[node_].payload;
  return static_cast<std::uint64_t>(integer(0));
}

std::string JsonValue::string() const {
  if (!expect(JsonKind::kString, "a string")) return "";
  return std::string(document_->tape_->string(document_->tape_->entries[node_]));
}

std::string JsonValue::nonempty_string() const {
  std::string text = string();
  if (text.empty() && kind() == JsonKind::kString) issue("must not be empty");
  return text;
}

std::size_t JsonValue::choice(std::string_view what, std::span<const std::string_view> names) const {
  const std::string text = string();
  if (kind() != JsonKind::kString) return 0;
  const auto found = std::find(names.begin(), names.end(), text);
  if (found != names.end()) return static_cast<std::size_t>(found - names.begin());
  issue(
      fmt::format("unknown {} {}{}; known: {}", what, quoted(text), did_you_mean(text, names), fmt::join(names, ", ")));
  return 0;
}

std::vector<JsonValue> JsonValue::items() const {
  std::vector<JsonValue> values;
  if (!expect(JsonKind::kArray, "an array")) return values;
  const JsonDocument::Tape& tape = *document_->tape_;
  values.reserve(tape.entries[node_].length);
  for (std::size_t at = node_ + 1; at < tape.next(node_); at = tape.next(at)) {
    values.push_back(JsonValue(document_, at));
  }
  return values;
}

std::vector<std::int64_t> JsonValue::integers(std::int64_t minimum) const {
  std::vector<std::int64_t> values;
  for (const JsonValue item : items()) values.push_back(item.integer(minimum));
  return values;
}

std::vector<std::string> JsonValue::strings() const {
  std::vector<std::string> values;
  for (const JsonValue item : items()) values.push_back(item.string());
  return values;
}

std::vector<std::pair<std::string_view, JsonValue>> JsonValue::members() const {
  std::vector<std::pair<std::string_view, JsonValue>> values;
  if (!expect(JsonKind::kObject, "an object")) return values;
  const JsonDocument::Tape& tape = *document_->tape_;
  values.reserve(tape.entries[node_].length);
  for (std::size_t at = node_ + 1; at < tape.next(node_); at = tape.next(at + 1)) {
    values.emplace_back(tape.string(tape.entries[at]), JsonValue(document_, at + 1));
  }
  return values;
}

JsonObject JsonValue::object(std::initializer_list<std::string_view> keys) const {
  JsonObject object(*this);
  object.members_ = members();
  for (const auto& [key, value] : object.members_) {
    if (std::find(keys.begin(), keys.end(), key) != keys.end()) continue;
    value.issue(fmt::format("unknown key {}{}; known: {}", quoted(key), did_you_mean(key, {keys.begin(), keys.size()}),
                            fmt::join(keys, ", ")));
  }
  return object;
}

JsonObject JsonValue::open_object() const {
  JsonObject object(*this);
  object.members_ = members();
  return object;
}

JsonValue JsonObject::operator[](std::string_view key) const {
  for (const auto& [name, value] : members_) {
    if (name == key) return value;
  }
  return JsonValue();
}

JsonValue JsonObject::require(std::string_view key) const {
  const JsonValue value = (*this)[key];
  if (!value.present() && value_.kind() == JsonKind::kObject) value_.issue(fmt::format("\"{}\" is missing", key));
  return value;
}

}  // namespace mp
