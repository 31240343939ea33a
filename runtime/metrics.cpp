#include "runtime/metrics.hpp"

#include <fcntl.h>
#include <fmt/core.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "lib/base/error.hpp"

namespace mp::runtime {

std::string metrics_line(const StepReport& report) {
  return fmt::format(
      R"({{"step":{},"loss":{:.17g},"step_time_s":{:.17g},"samples_per_s":{:.17g},"learning_rate":{:.17g}}})",
      report.step, report.loss, report.step_time_s, report.samples_per_s, report.learning_rate);
}

std::string summary_line(const RunSummary& summary) {
  std::vector<std::int64_t> arenas;
  std::vector<std::int64_t> workspaces;
  for (const DeviceMemoryUse& use : summary.memory) {
    arenas.push_back(use.arena_bytes);
    workspaces.push_back(use.workspace_bytes);
  }
  std::string optional;
  if (summary.validation_loss) optional += fmt::format(R"(,"validation_loss":{:.17g})", *summary.validation_loss);
  if (summary.unigram_entropy) optional += fmt::format(R"(,"unigram_entropy":{:.17g})", *summary.unigram_entropy);
  return fmt::format(
      R"({{"summary":{{"steps":{},"seconds":{:.17g},"loss":{:.17g},"peak_memory_bytes":[{}],"workspace_bytes":[{}]{}}}}})",
      summary.training.steps, summary.training.seconds, summary.training.loss, fmt::join(arenas, ","),
      fmt::join(workspaces, ","), optional);
}

LineFile::LineFile(std::string path)
    : path_(std::move(path)), descriptor_(open(path_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666)) {
  if (descriptor_ < 0) fail();
}

LineFile::~LineFile() {
  if (descriptor_ >= 0) close(descriptor_);
}

void LineFile::fail() const { throw RunError(fmt::format("cannot write '{}': {}", path_, std::strerror(errno))); }

void LineFile::write_line(std::string_view line) {
  line_.assign(line);
  line_ += '\n';
  for (std::string_view rest = line_; !rest.empty();) {
    const ssize_t written = write(descriptor_, rest.data(), rest.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) fail();
    rest.remove_prefix(static_cast<std::size_t>(written));
  }
}

}  // namespace mp::runtime
