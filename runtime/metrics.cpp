#include "runtime/metrics.hpp"

#include <fcntl.h>
#include <fmt/core.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstring>
#include <utility>

#include "lib/base/error.hpp"
#include "lib/files/atomic_file.hpp"

namespace mp::runtime {

namespace {

// ,"name":value
std::string member(std::string_view name, std::optional<double> value) {
  if (!value) return "";
  if (!std::isfinite(*value)) return fmt::format(R"(,"{}":null)", name);
  return fmt::format(R"(,"{}":{:.17g})", name, *value);
}

}  // namespace

std::string metrics_line(const StepReport& report) {
  std::string optional = member("gradient_norm", report.gradient_norm);
  if (report.validation) {
    optional += member("validation_loss", report.validation->loss);
    optional += member("validation_accuracy", report.validation->accuracy);
    optional += member("validation_perplexity", report.validation->perplexity);
  }
  return fmt::format(
      R"({{"step":{},"loss":{:.17g},"step_time_s":{:.17g},"samples_per_s":{:.17g},"learning_rate":{:.17g}{}}})",
      report.step, report.loss, report.step_time_s, report.samples_per_s, report.learning_rate, optional);
}

std::string summary_line(const RunSummary& summary) {
  std::vector<std::int64_t> arenas;
  std::vector<std::int64_t> workspaces;
  for (const DeviceMemoryUse& use : summary.memory) {
    arenas.push_back(use.arena_bytes);
    workspaces.push_back(use.workspace_bytes);
  }
  std::string optional = member("validation_loss", summary.validation_loss);
  optional += member("unigram_entropy", summary.unigram_entropy);
  optional += member("best_validation_loss", summary.best_validation_loss);
  if (summary.best_validation_loss) optional += fmt::format(R"(,"best_step":{})", summary.best_step);
  if (summary.stopped_early) optional += R"(,"stopped_early":true)";
  return fmt::format(
      R"({{"summary":{{"steps":{},"seconds":{:.17g},"loss":{:.17g},"peak_memory_bytes":[{}],"workspace_bytes":[{}]{}}}}})",
      summary.training.steps, summary.training.seconds, summary.training.loss, fmt::join(arenas, ","),
      fmt::join(workspaces, ","), optional);
}

bool keep_metrics_until(const std::string& path, std::int64_t step) {
  if (access(path.c_str(), F_OK) != 0) return false;
  constexpr std::string_view kStart = R"({"step":)";
  const std::string text = read_file(path, kMaxMetricsBytes);
  std::size_t kept = 0;
  while (true) {
    const std::size_t end = text.find('\n', kept);
    const std::string_view line = std::string_view(text).substr(kept, end == std::string::npos ? 0 : end - kept);
    std::int64_t number = 0;
    if (!line.starts_with(kStart)) break;
    const auto parsed = std::from_chars(line.data() + kStart.size(), line.data() + line.size(), number);
    if (parsed.ec != std::errc() || number > step) break;
    kept = end + 1;
  }
  if (kept < text.size()) write_file_atomically(path, std::string_view(text).substr(0, kept));
  return true;
}

LineFile::LineFile(std::string path, Start start)
    : path_(std::move(path)),
      descriptor_(
          open(path_.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | (start == Start::kEmpty ? O_TRUNC : O_APPEND), 0666)) {
  if (descriptor_ < 0) fail();
}

LineFile::~LineFile() {
  if (descriptor_ >= 0) close(descriptor_);
}

void LineFile::fail() const { throw RunError(fmt::format("cannot write '{}': {}", path_, std::strerror(errno))); }

void LineFile::write_line(std::string_view line) {
  line_.assign(line);
  line_ += '\n';
  write(line_);
}

void LineFile::write(std::string_view bytes) {
  for (std::string_view rest = bytes; !rest.empty();) {
    const ssize_t written = ::write(descriptor_, rest.data(), rest.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) fail();
    rest.remove_prefix(static_cast<std::size_t>(written));
  }
}

}  // namespace mp::runtime
