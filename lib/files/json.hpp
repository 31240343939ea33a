// Strict JSON input: a document whose values are read with a type, and whose mistakes are collected and told together.
//
//   JsonDocument document(read_file(path), path);
//   const JsonObject root = document.root().object({"format", "name", "nodes"});
//   model.name = root.require("name").string();
//   for (const JsonValue node : root["nodes"].items()) …
//   document.finish();  // throws InputError with every issue, each at its JSON pointer
//
// A read that fails records an issue and returns a harmless value, so that reading goes on; an absent value is read as
// that harmless value without an issue.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lib/base/error.hpp"

namespace mp {

// kUnsigned: an integer above the range of int64.
enum class JsonKind : std::uint8_t { kNull, kBoolean, kInteger, kUnsigned, kNumber, kString, kArray, kObject };

class JsonDocument;
class JsonObject;

// A place in a document, which must outlive it. Cheap to copy.
class JsonValue {
 public:
  // false: the key was absent.
  [[nodiscard]] bool present() const { return document_ != nullptr; }
  [[nodiscard]] JsonKind kind() const;  // kNull where absent
  // "/nodes/3/inputs/0"; "" for the root.
  [[nodiscard]] std::string pointer() const;
  void issue(std::string message) const;

  [[nodiscard]] bool is_number() const;
  [[nodiscard]] bool boolean() const;
  [[nodiscard]] double number() const;  // integers, too
  [[nodiscard]] double number_at_least(double minimum) const;
  [[nodiscard]] double positive_number() const;  // 1 where it is none
  [[nodiscard]] std::int64_t integer(std::int64_t minimum = std::numeric_limits<std::int64_t>::min(),
                                     std::int64_t maximum = std::numeric_limits<std::int64_t>::max()) const;
  [[nodiscard]] std::uint64_t unsigned_integer() const;  // 0 to 2⁶⁴ − 1
  [[nodiscard]] std::string string() const;
  [[nodiscard]] std::string nonempty_string() const;
  // The position of the string in `names`; 0 with an issue that lists them otherwise. `what`: "schedule".
  [[nodiscard]] std::size_t choice(std::string_view what, std::span<const std::string_view> names) const;
  // The same for an enumeration with name_of().
  template <class Enum, std::size_t N>
  [[nodiscard]] Enum enumerator(std::string_view what, const std::array<Enum, N>& options) const {
    std::array<std::string_view, N> names;
    for (std::size_t i = 0; i < N; ++i) names[i] = name_of(options[i]);
    return options[choice(what, std::span<const std::string_view>(names))];
  }
  [[nodiscard]] std::vector<JsonValue> items() const;  // of an array
  [[nodiscard]] std::vector<std::int64_t> integers(
      std::int64_t minimum = std::numeric_limits<std::int64_t>::min()) const;
  [[nodiscard]] std::vector<std::string> strings() const;
  // An object that may have these keys and no others.
  [[nodiscard]] JsonObject object(std::initializer_list<std::string_view> keys) const;
  // An object whose other keys are none of our business: files of other systems.
  [[nodiscard]] JsonObject open_object() const;
  // The members of an object with keys of any name, in file order; no key comes twice.
  [[nodiscard]] std::vector<std::pair<std::string_view, JsonValue>> members() const;

 private:
  friend class JsonDocument;
  friend class JsonObject;
  JsonValue() = default;
  JsonValue(JsonDocument* document, std::size_t node) : document_(document), node_(node) {}
  [[nodiscard]] bool expect(JsonKind kind, std::string_view wanted) const;
  [[nodiscard]] std::string describe() const;  // for messages: "a string", "the number 3"

  JsonDocument* document_ = nullptr;
  std::size_t node_ = 0;
};

class JsonObject {
 public:
  // The value of a key; absent where the key is.
  [[nodiscard]] JsonValue operator[](std::string_view key) const;
  // The same, and an issue where it is absent.
  [[nodiscard]] JsonValue require(std::string_view key) const;
  [[nodiscard]] const JsonValue& value() const { return value_; }

 private:
  friend class JsonValue;
  explicit JsonObject(JsonValue value) : value_(value) {}
  JsonValue value_;
  std::vector<std::pair<std::string_view, JsonValue>> members_;
};

class JsonDocument {
 public:
  // Parses at once. Throws InputError for anything that is not one JSON value (RFC 8259) in UTF-8, has a key twice in
  // an object, nests deeper than kMaxDepth or holds a number beyond the range of double. Takes at most 16 bytes of
  // memory per byte of text. `source` names the file in errors.
  JsonDocument(std::string_view text, std::string source);
  JsonDocument(const JsonDocument&) = delete;
  JsonDocument& operator=(const JsonDocument&) = delete;
  ~JsonDocument();

  static constexpr std::size_t kMaxDepth = 64;
  static constexpr std::size_t kMaxIssues = 20;  // told one by one; the others are counted

  [[nodiscard]] JsonValue root();
  [[nodiscard]] const std::string& source() const { return source_; }
  // Throws InputError unless the root is an object whose "format" is `known`: nothing else of another kind of file is
  // worth a message.
  void require_format(std::string_view known);
  void report(Issue issue);
  [[nodiscard]] bool good() const { return issues_.empty(); }
  // Throws InputError if any issue was recorded.
  void finish() const;

  struct Tape;  // the parsed text: lib/files/json_tape.hpp

 private:
  friend class JsonValue;
  std::string source_;
  std::unique_ptr<Tape> tape_;
  std::vector<Issue> issues_;
  std::size_t more_issues_ = 0;
};

}  // namespace mp
