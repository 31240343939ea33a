// Reads a text file of integers line by line, knowing where it is: the common ground of METIS's formats.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace mp::partition {

// `text` must outlive the scanner. Lines beginning with '%' are comments and are skipped by next_line().
class LineScanner {
 public:
  LineScanner(std::string_view text, std::string source) : text_(text), source_(std::move(source)) {}

  // Goes to the next line that is no comment; false at the end of the text.
  bool next_line();
  // The next integer of the line; nothing at its end. Throws InputError on anything but a 64-bit integer.
  std::optional<std::int64_t> next_number();
  // 1-based; that of the last line after the end.
  [[nodiscard]] std::int64_t line() const { return line_; }
  [[nodiscard]] std::string_view rest() const { return text_; }  // the lines after the present one
  [[nodiscard]] std::string_view rest_of_line() const { return line_text_; }
  // Throws InputError naming the present line.
  [[noreturn]] void refuse(const std::string& message) const { refuse_at(line_, message); }
  [[noreturn]] void refuse_at(std::int64_t line, const std::string& message) const;
  [[nodiscard]] const std::string& source() const { return source_; }

 private:
  std::string_view text_;       // not yet read
  std::string_view line_text_;  // not yet read of the present line
  std::string source_;
  std::int64_t line_ = 0;
};

}  // namespace mp::partition
