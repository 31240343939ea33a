// JSON output with a layout that people read and diff: key order as written, numbers as short as they read back.
#pragma once

#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace mp {

// Shortest text that reads back as the same double and as no integer: "0.02", "1.0", "9.9e14". `value` is finite.
[[nodiscard]] std::string json_number(double value);
// With quotes. Bytes that are not UTF-8 become U+FFFD, so that the output is JSON whatever the names are.
[[nodiscard]] std::string json_string(std::string_view text);

// Calls in the order of the text; a member is key() and then a value or begin_….
class JsonWriter {
 public:
  // kLines: each item on a line of its own, indented. kInline: all on this line, as everything inside is then.
  enum class Layout : std::uint8_t { kLines, kInline };

  JsonWriter& begin_object(Layout layout = Layout::kLines) { return begin('{', '}', layout); }
  JsonWriter& begin_array(Layout layout = Layout::kLines) { return begin('[', ']', layout); }
  JsonWriter& end();
  JsonWriter& key(std::string_view name);

  JsonWriter& value(std::string_view text) { return raw(json_string(text)); }
  JsonWriter& value(const char* text) { return value(std::string_view(text)); }
  JsonWriter& null() { return raw("null"); }
  JsonWriter& value(bool flag) { return raw(flag ? "true" : "false"); }
  JsonWriter& value(double number) { return raw(json_number(number)); }
  template <std::integral Int>
  JsonWriter& value(Int number) {
    return raw(std::to_string(number));
  }
  template <class T>
  JsonWriter& values(const std::vector<T>& items) {
    begin_array(Layout::kInline);
    for (const T& item : items) value(item);
    return end();
  }
  template <class T>
  JsonWriter& member(std::string_view name, const T& item) {
    return key(name).value(item);
  }

  // The text, ending with a newline. Everything begun has ended.
  [[nodiscard]] std::string take() &&;

 private:
  struct Open {
    char closing;
    Layout layout;
    bool empty;
  };
  JsonWriter& begin(char opening, char closing, Layout layout);
  JsonWriter& raw(std::string_view text);
  void separate();

  std::string text_;
  std::vector<Open> open_;
  bool after_key_ = false;
};

}  // namespace mp
