// What a training run tells other programs: a JSON line a step, and a last one with the summary.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/executor.hpp"
#include "runtime/trainer.hpp"

namespace mp::runtime {

// {"step":1,"loss":…,"step_time_s":…,"samples_per_s":…,"learning_rate":…}: 17 significant digits, so that equal bits
// are equal text and different bits are not. Then, where there are any, "gradient_norm", "validation_loss",
// "validation_accuracy", "validation_perplexity"; null stands for what is no finite number.
[[nodiscard]] std::string metrics_line(const StepReport& report);

struct RunSummary {
  TrainSummary training;
  std::vector<DeviceMemoryUse> memory;    // by device
  std::optional<double> validation_loss;  // after the last step
  std::optional<double> unigram_entropy;
  std::optional<double> best_validation_loss{};
  std::int64_t best_step = 0;  // whose that was
  bool stopped_early = false;
};
// {"summary":{"steps":…,"seconds":…,"loss":…,"peak_memory_bytes":[…],"workspace_bytes":[…],…}}
[[nodiscard]] std::string summary_line(const RunSummary& summary);

// Cuts a metrics file behind the line of step `step`, so that a resumed run goes on there: later steps, the summary and
// half a line go. Returns whether there is a file to go on with. Throws RunError where it cannot be replaced.
bool keep_metrics_until(const std::string& path, std::int64_t step);

// The largest metrics file that is gone on with.
inline constexpr std::int64_t kMaxMetricsBytes = std::int64_t{1} << 36;

// A file that grows by whole lines, each written at once, so that others can follow it while training runs: the one
// output that is not renamed into place. A run that ended well is known by its summary line.
class LineFile {
 public:
  enum class Start : std::uint8_t { kEmpty, kAppend };
  // Creates the file; empties it, or goes on at its end. Throws RunError.
  explicit LineFile(std::string path, Start start = Start::kEmpty);
  LineFile(const LineFile&) = delete;
  LineFile& operator=(const LineFile&) = delete;
  ~LineFile();
  // Both throw RunError naming path and reason.
  void write_line(std::string_view line);
  void write(std::string_view bytes);

 private:
  [[noreturn]] void fail() const;
  std::string path_;
  std::string line_;
  int descriptor_;
};

}  // namespace mp::runtime
