// Tables and quantities as people read them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

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

[[nodiscard]] std::string bytes_text(std::int64_t bytes);     // "1.50 MB" (10⁶ bytes)
[[nodiscard]] std::string count_text(std::int64_t count);     // "1,234,567"
[[nodiscard]] std::string seconds_text(double seconds);       // "14.9 ms"
[[nodiscard]] std::string percent_text(double share);         // "3.1 %"
[[nodiscard]] double parse_percent(const std::string& text);  // "3%" and "0.03" are 0.03; throws UsageError

}  // namespace mp::apps
