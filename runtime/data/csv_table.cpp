#include "runtime/data/csv_table.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <map>
#include <utility>

#include "lib/base/error.hpp"
#include "lib/base/text.hpp"

namespace mp::runtime {
namespace {

template <class T>
std::optional<T> parse(std::string_view text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  while (text.ends_with(' ')) text.remove_suffix(1);
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

bool is_number(std::string_view text) { return parse<double>(text).has_value(); }

}  // namespace

CsvTable::CsvTable(const CsvSource& source) : source_(source), file_(source.path) {
  CsvReader reader(file_, source_.path, source_.separator);
  while (reader.next()) {
    const std::vector<std::string_view>& fields = reader.fields();
    columns_ = fields.size();
    if (rows_ == 0 && names_.empty() && source_.has_header) {
      if (std::all_of(fields.begin(), fields.end(), is_number)) {
        throw InputError(source_.path, Issue{fmt::format("line {}", reader.line()),
                                             "a header is expected, but all its fields are numbers; where the file has "
                                             "none, say --data csv-header=no (recipe: \"header\": false)"});
      }
      names_.assign(fields.begin(), fields.end());
      continue;
    }
    ++rows_;
  }
  if (rows_ == 0) throw InputError(source_.path, Issue{"", "has no rows"});
}

std::string CsvTable::described(std::size_t column) const {
  if (names_.empty()) return fmt::format("column {}", column + 1);
  return fmt::format("column {} ({})", column + 1, quoted(names_[column]));
}

std::size_t CsvTable::find_one(std::string_view name) const {
  const auto named = std::find(names_.begin(), names_.end(), name);
  if (named != names_.end()) return static_cast<std::size_t>(named - names_.begin());
  const std::optional<std::size_t> number = parse<std::size_t>(name);
  if (number && *number >= 1 && *number <= columns_) return *number - 1;
  const std::vector<std::string_view> known(names_.begin(), names_.end());
  throw InputError(source_.path, Issue{"", fmt::format("has no column {}{}; it has {} columns", quoted(name),
                                                       did_you_mean(name, known), columns_)});
}

std::size_t CsvTable::label() const { return source_.label.empty() ? columns_ - 1 : find_one(source_.label); }

std::vector<std::size_t> CsvTable::find(std::string_view list) const {
  std::vector<std::size_t> found;
  for (;;) {
    const std::size_t comma = std::min(list.find(','), list.size());
    const std::string_view item = list.substr(0, comma);
    const std::size_t dash = item.find('-');
    const bool is_range =
        dash != std::string_view::npos && is_number(item.substr(0, dash)) && is_number(item.substr(dash + 1));
    const std::size_t first = find_one(is_range ? item.substr(0, dash) : item);
    const std::size_t last = is_range ? find_one(item.substr(dash + 1)) : first;
    for (std::size_t column = first; column <= last; ++column) found.push_back(column);
    if (comma == list.size()) return found;
    list.remove_prefix(comma + 1);
  }
}

void CsvTable::for_each_row(const std::function<void(const CsvReader&)>& visit) const {
  CsvReader reader(file_, source_.path, source_.separator);
  bool is_header = source_.has_header;
  while (reader.next()) {
    if (!std::exchange(is_header, false)) visit(reader);
  }
}

void CsvTable::fail(const CsvReader& at, std::size_t column, const std::string& message) const {
  throw InputError(source_.path, Issue{fmt::format("line {}, {}", at.line(), described(column)), message});
}

std::vector<float> CsvTable::numbers(std::span<const std::size_t> columns) const {
  std::vector<float> values;
  values.reserve(static_cast<std::size_t>(rows_) * columns.size());
  for_each_row([&](const CsvReader& row) {
    for (const std::size_t column : columns) {
      const std::string_view field = row.fields()[column];
      const std::optional<double> value = parse<double>(field);
      if (!value || !(std::abs(*value) <= std::numeric_limits<float>::max())) {
        fail(row, column, field.empty() ? "is empty; a number is wanted" : quoted(field) + " is no finite number");
      }
      values.push_back(static_cast<float>(*value));
    }
  });
  return values;
}

std::vector<std::int64_t> CsvTable::integers(std::span<const std::size_t> columns,
                                             std::optional<std::int64_t> bound) const {
  std::vector<std::int64_t> values;
  values.reserve(static_cast<std::size_t>(rows_) * columns.size());
  for_each_row([&](const CsvReader& row) {
    for (const std::size_t column : columns) {
      const std::string_view field = row.fields()[column];
      const std::optional<std::int64_t> value = parse<std::int64_t>(field);
      if (!value) fail(row, column, quoted(field) + " is no whole number");
      if (*value < 0 || (bound && *value >= *bound)) {
        fail(row, column,
             bound ? fmt::format("{} is not within 0 … {}, what the model takes", *value, *bound - 1)
                   : fmt::format("{} is below 0", *value));
      }
      values.push_back(*value);
    }
  });
  return values;
}

std::vector<std::int64_t> CsvTable::classes(std::size_t column, std::optional<std::int64_t> bound) const {
  std::map<std::string, std::int64_t, std::less<>> numbers;
  bool are_integers = true;
  for_each_row([&](const CsvReader& row) {
    const std::string_view field = row.fields()[column];
    if (field.empty()) fail(row, column, "is empty; a class is wanted");
    are_integers = are_integers && parse<std::int64_t>(field);
    if (are_integers || numbers.contains(field)) return;
    numbers.emplace(field, 0);
  });
  if (are_integers) return integers(std::span(&column, 1), bound);
  for_each_row([&](const CsvReader& row) { numbers.emplace(row.fields()[column], 0); });
  if (bound && static_cast<std::int64_t>(numbers.size()) > *bound) {
    throw InputError(source_.path, Issue{described(column), fmt::format("holds {} classes, but the model has {}",
                                                                        numbers.size(), *bound)});
  }
  std::int64_t next = 0;
  for (auto& [name, number] : numbers) number = next++;
  std::vector<std::int64_t> values;
  values.reserve(static_cast<std::size_t>(rows_));
  for_each_row([&](const CsvReader& row) { values.push_back(numbers.find(row.fields()[column])->second); });
  return values;
}

}  // namespace mp::runtime
