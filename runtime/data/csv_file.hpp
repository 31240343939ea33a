// Comma-separated values (RFC 4180): records of fields, of which some may be in quotes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/data/mapped_file.hpp"

namespace mp::runtime {

// Walks through the records of a file once. A field in quotes may hold separators, line ends, and quotes written twice.
// Lines end with LF or CR LF; empty lines are passed over, and so is a byte order mark.
class CsvReader {
 public:
  CsvReader(const MappedFile& file, std::string path, char separator);

  // The next record; false at the end. Throws InputError naming line and column: a quote that is not closed, text after
  // a closing one, or another number of fields than the first record has.
  [[nodiscard]] bool next();
  [[nodiscard]] const std::vector<std::string_view>& fields() const { return fields_; }  // valid until next()
  [[nodiscard]] std::int64_t line() const { return line_; }                              // where the record begins

 private:
  [[nodiscard]] std::string_view plain_field();
  [[nodiscard]] std::string_view quoted_field();
  void skip_line_ends();
  [[noreturn]] void fail(const std::string& message) const;

  std::string_view rest_;
  std::string path_;
  char separator_;
  std::int64_t line_ = 0;
  std::int64_t next_line_ = 1;
  std::size_t columns_ = 0;
  std::vector<std::string_view> fields_;
  std::deque<std::string> unquoted_;  // fields whose quotes were written twice
};

}  // namespace mp::runtime
