// Where the metrics of a run go, step by step: a file of JSON lines or CSV, and event files for TensorBoard.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "runtime/metrics.hpp"
#include "runtime/tensorboard.hpp"
#include "runtime/trainer.hpp"

namespace mp::runtime {

struct MetricsTargets {
  std::optional<std::string> file;         // JSON lines; CSV where its name ends in ".csv"
  std::optional<std::string> tensorboard;  // folder
};

[[nodiscard]] bool is_csv(const std::string& path);

class MetricsLog {
 public:
  // steps_done > 0: what the files say up to that step stays, later steps go. Throws RunError.
  MetricsLog(const MetricsTargets& targets, std::int64_t steps_done);

  void write(const StepReport& report);
  void write(const RunSummary& summary);  // into JSON lines alone

 private:
  std::optional<LineFile> file_;
  bool is_csv_ = false;
  std::optional<EventFile> events_;
};

}  // namespace mp::runtime
