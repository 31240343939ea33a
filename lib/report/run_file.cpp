#include "lib/report/run_file.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>
#include <utility>

#include "lib/base/check.hpp"
#include "lib/base/error.hpp"
#include "lib/base/text.hpp"
#include "lib/files/atomic_file.hpp"
#include "lib/files/json.hpp"

namespace mp {
namespace {

constexpr std::int64_t kMaxRunBytes = std::int64_t{1} << 32;

class RunReader {
 public:
  RunReader(std::string_view text, const std::string& source) : text_(text), source_(source) {
    history_.name = source;
    for (const std::string_view name : kRunSeries) {
      history_.series.push_back({.name = std::string(name), .steps = {}, .values = {}});
    }
  }

  RunHistory run(bool is_csv) && {
    std::vector<std::string_view> columns;
    while (const std::optional<std::string_view> line = next_line()) {
      if (line->empty()) continue;
      if (!is_csv) {
        take_json(*line);
      } else if (columns.empty()) {
        columns = cells_of(*line);
        check_columns(columns);
      } else {
        take_csv(columns, cells_of(*line));
      }
    }
    if (history_.find("loss").steps.empty()) {
      throw InputError(source_, Issue{"", "holds no step of a training run (mprun train --metrics writes such files)"});
    }
    return std::move(history_);
  }

 private:
  // A last line without its end is still being written.
  std::optional<std::string_view> next_line() {
    const std::size_t end = text_.find('\n');
    if (end == std::string_view::npos) return std::nullopt;
    std::string_view line = text_.substr(0, end);
    text_.remove_prefix(end + 1);
    ++line_;
    if (line.ends_with('\r')) line.remove_suffix(1);
    return line;
  }

  [[nodiscard]] std::string place() const { return fmt::format("{}:{}", source_, line_); }

  void take_json(std::string_view line) {
    JsonDocument document(line, place());
    const JsonObject fields = document.root().open_object();
    document.finish();
    if (fields["summary"].present()) return;
    const std::int64_t step = fields.require("step").integer(1);
    for (std::size_t i = 0; i < kRunSeries.size(); ++i) {
      const JsonValue value = i == 0 ? fields.require(kRunSeries[i]) : fields[kRunSeries[i]];
      if (value.present() && value.kind() != JsonKind::kNull) add(i, step, value.number());
    }
    document.finish();
  }

  static std::vector<std::string_view> cells_of(std::string_view line) {
    std::vector<std::string_view> cells;
    for (std::size_t end = line.find(','); end != std::string_view::npos; end = line.find(',')) {
      cells.push_back(line.substr(0, end));
      line.remove_prefix(end + 1);
    }
    cells.push_back(line);
    return cells;
  }

  void check_columns(const std::vector<std::string_view>& columns) const {
    for (const std::string_view needed : {"step", "loss"}) {
      if (std::find(columns.begin(), columns.end(), needed) != columns.end()) continue;
      throw InputError(place(), Issue{"", fmt::format("the header has no column {}", quoted(needed))});
    }
  }

  void take_csv(const std::vector<std::string_view>& columns, const std::vector<std::string_view>& cells) {
    if (cells.size() != columns.size()) {
      throw InputError(place(), Issue{"", fmt::format("{} cells, but {} columns", cells.size(), columns.size())});
    }
    const auto at = std::find(columns.begin(), columns.end(), "step") - columns.begin();
    const auto step = static_cast<std::int64_t>(number(cells[static_cast<std::size_t>(at)]));
    for (std::size_t c = 0; c < columns.size(); ++c) {
      const auto series = std::find(kRunSeries.begin(), kRunSeries.end(), columns[c]);
      if (series == kRunSeries.end() || cells[c].empty()) continue;
      add(static_cast<std::size_t>(series - kRunSeries.begin()), step, number(cells[c]));
    }
  }

  [[nodiscard]] double number(std::string_view cell) const {
    double value = 0.0;
    const auto [end, error] = std::from_chars(cell.data(), cell.data() + cell.size(), value);
    if (error == std::errc() && end == cell.data() + cell.size()) return value;
    throw InputError(place(), Issue{"", fmt::format("{} is no number", quoted(cell))});
  }

  void add(std::size_t series, std::int64_t step, double value) {
    RunSeries& to = history_.series[series];
    while (!to.steps.empty() && to.steps.back() >= step) {
      to.steps.pop_back();
      to.values.pop_back();
    }
    if (!std::isfinite(value)) return;
    to.steps.push_back(step);
    to.values.push_back(value);
  }

  std::string_view text_;
  const std::string& source_;
  std::size_t line_ = 0;
  RunHistory history_;
};

}  // namespace

const RunSeries& RunHistory::find(std::string_view wanted) const {
  const auto found = std::find(kRunSeries.begin(), kRunSeries.end(), wanted);
  MP_CHECK(found != kRunSeries.end());
  return series[static_cast<std::size_t>(found - kRunSeries.begin())];
}

RunHistory parse_run(std::string_view text, const std::string& source) {
  return RunReader(text, source).run(source.ends_with(".csv"));
}

RunHistory read_run(const std::string& path) { return parse_run(read_file(path, kMaxRunBytes), path); }

}  // namespace mp
