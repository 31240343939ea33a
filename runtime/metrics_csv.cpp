#include "runtime/metrics_csv.hpp"

#include <fmt/core.h>
#include <unistd.h>

#include <charconv>
#include <optional>
#include <string_view>

#include "lib/files/atomic_file.hpp"
#include "runtime/metrics.hpp"

namespace mp::runtime {
namespace {

// The step of a line; none of one that is no step's, or no whole line.
std::optional<std::int64_t> step_of(std::string_view line) {
  std::int64_t step = 0;
  const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), step);
  if (error != std::errc() || end == line.data() + line.size() || *end != ',') return std::nullopt;
  return step;
}

std::string cell(std::optional<double> value) { return value ? fmt::format("{:.17g}", *value) : std::string(); }

}  // namespace

std::string csv_header() {
  return "step,loss,learning_rate,step_time_s,samples_per_s,gradient_norm,validation_loss,validation_accuracy,"
         "validation_perplexity";
}

std::string csv_line(const StepReport& report) {
  const std::optional<Evaluation>& validation = report.validation;
  return fmt::format("{},{},{},{},{},{},{},{},{}", report.step, cell(report.loss), cell(report.learning_rate),
                     cell(report.step_time_s), cell(report.samples_per_s), cell(report.gradient_norm),
                     cell(validation ? std::optional(validation->loss) : std::nullopt),
                     cell(validation ? validation->accuracy : std::nullopt),
                     cell(validation ? validation->perplexity : std::nullopt));
}

bool keep_csv_until(const std::string& path, std::int64_t step) {
  if (access(path.c_str(), F_OK) != 0) return false;
  const std::string text = read_file(path, kMaxMetricsBytes);
  const std::string header = csv_header() + '\n';
  if (!text.starts_with(header)) return false;
  std::size_t kept = header.size();
  for (std::size_t end = text.find('\n', kept); end != std::string::npos; end = text.find('\n', kept)) {
    const std::optional<std::int64_t> at = step_of(std::string_view(text).substr(kept, end - kept));
    if (!at || *at > step) break;
    kept = end + 1;
  }
  if (kept < text.size()) write_file_atomically(path, std::string_view(text).substr(0, kept));
  return true;
}

}  // namespace mp::runtime
