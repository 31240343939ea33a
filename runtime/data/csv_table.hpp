// A CSV file as columns of numbers and classes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lib/plan/data_sources.hpp"
#include "runtime/data/csv_file.hpp"
#include "runtime/data/mapped_file.hpp"

namespace mp::runtime {

// Opened and counted; every method reads the file once more. All throw InputError naming line and column.
class CsvTable {
 public:
  explicit CsvTable(const CsvSource& source);

  [[nodiscard]] const std::string& path() const { return source_.path; }
  [[nodiscard]] std::int64_t rows() const { return rows_; }
  [[nodiscard]] std::size_t columns() const { return columns_; }
  // "column 3 ('price')".
  [[nodiscard]] std::string described(std::size_t column) const;
  // The column of classes.
  [[nodiscard]] std::size_t label() const;
  // "price,4,7-9": names, numbers from 1, and ranges of them.
  [[nodiscard]] std::vector<std::size_t> find(std::string_view list) const;

  // Row after row.
  [[nodiscard]] std::vector<float> numbers(std::span<const std::size_t> columns) const;
  // Whole numbers from 0, below `bound` where there is one.
  [[nodiscard]] std::vector<std::int64_t> integers(std::span<const std::size_t> columns,
                                                   std::optional<std::int64_t> bound) const;
  // The same where all are whole numbers; else every text is a class of its own, numbered in alphabetical order.
  [[nodiscard]] std::vector<std::int64_t> classes(std::size_t column, std::optional<std::int64_t> bound) const;

 private:
  [[nodiscard]] std::size_t find_one(std::string_view name) const;
  void for_each_row(const std::function<void(const CsvReader&)>& visit) const;
  [[noreturn]] void fail(const CsvReader& at, std::size_t column, const std::string& message) const;

  CsvSource source_;
  MappedFile file_;
  std::vector<std::string> names_;  // empty without a header
  std::size_t columns_ = 0;
  std::int64_t rows_ = 0;
};

}  // namespace mp::runtime
