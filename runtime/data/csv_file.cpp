#include "runtime/data/csv_file.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "lib/base/error.hpp"

namespace mp::runtime {

CsvReader::CsvReader(const MappedFile& file, std::string path, char separator)
    : path_(std::move(path)), separator_(separator) {
  const void* bytes = file.bytes().data();
  rest_ = {static_cast<const char*>(bytes), file.bytes().size()};
  if (rest_.starts_with("\xEF\xBB\xBF")) rest_.remove_prefix(3);
}

void CsvReader::fail(const std::string& message) const {
  throw InputError(path_, Issue{fmt::format("line {}, column {}", line_, fields_.size() + 1), message});
}

void CsvReader::skip_line_ends() {
  while (rest_.starts_with('\n') || rest_.starts_with("\r\n")) {
    rest_.remove_prefix(rest_.front() == '\n' ? 1 : 2);
    ++next_line_;
  }
}

std::string_view CsvReader::plain_field() {
  std::size_t end = 0;
  while (end < rest_.size() && rest_[end] != separator_ && rest_[end] != '\n') ++end;
  std::string_view field = rest_.substr(0, end);
  if (end < rest_.size() && rest_[end] == '\n' && field.ends_with('\r')) field.remove_suffix(1);
  rest_.remove_prefix(field.size());
  return field;
}

std::string_view CsvReader::quoted_field() {
  std::size_t end = 1;
  bool has_quotes = false;
  for (;; ++end) {
    end = rest_.find('"', end);
    if (end == std::string_view::npos) fail("a quote is opened, but never closed");
    if (end + 1 == rest_.size() || rest_[end + 1] != '"') break;
    has_quotes = true;
    ++end;
  }
  std::string_view field = rest_.substr(1, end - 1);
  next_line_ += std::count(field.begin(), field.end(), '\n');
  rest_.remove_prefix(end + 1);
  const bool is_whole =
      rest_.empty() || rest_.front() == separator_ || rest_.front() == '\n' || rest_.starts_with("\r\n");
  if (!is_whole) fail("text follows a closing quote; a quote within quotes is written twice");
  if (!has_quotes) return field;
  std::string& text = unquoted_.emplace_back();
  for (std::size_t i = 0; i < field.size(); ++i) {
    text += field[i];
    if (field[i] == '"') ++i;
  }
  return text;
}

bool CsvReader::next() {
  fields_.clear();
  unquoted_.clear();
  skip_line_ends();
  if (rest_.empty()) return false;
  line_ = next_line_;
  for (;;) {
    fields_.push_back(rest_.starts_with('"') ? quoted_field() : plain_field());
    if (!rest_.starts_with(separator_)) break;
    rest_.remove_prefix(1);
  }
  if (columns_ == 0) columns_ = fields_.size();
  if (fields_.size() != columns_) {
    throw InputError(path_, Issue{fmt::format("line {}", line_),
                                  fmt::format("has {} fields, but the first line has {}", fields_.size(), columns_)});
  }
  return true;
}

}  // namespace mp::runtime
