// Tables and quantities as people read them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/quantities.hpp"

namespace mp::apps {

// Columns as wide as their widest cell; the first is set to the left, the others to the right.
class Table {
 public:
  explicit Table(std::vector<std::string> header) : rows_{std::move(header)} {}
  void add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }
  [[nodiscard]] std::string text() const;  // one line a row, each ended

 private:
  std::vector<std::vector<std::string>> rows_;
};

// "1 device", "1,024 devices"
[[nodiscard]] std::string counted(std::int64_t count, std::string_view thing, std::string_view ending = "s");

// What a flag says: "3%" and "0.03" are 0.03. Throws UsageError for what is no share.
[[nodiscard]] double parse_percent(std::string_view flag, const std::string& text);

}  // namespace mp::apps
