#include "runtime/metrics_log.hpp"

#include <vector>

#include "runtime/metrics_csv.hpp"

namespace mp::runtime {
namespace {

std::vector<Scalar> scalars_of(const StepReport& report) {
  std::vector<Scalar> scalars{{"train/loss", report.loss},
                              {"train/learning_rate", report.learning_rate},
                              {"train/samples_per_s", report.samples_per_s},
                              {"train/step_time_s", report.step_time_s}};
  if (report.gradient_norm) scalars.push_back({"train/gradient_norm", *report.gradient_norm});
  if (!report.validation) return scalars;
  scalars.push_back({"validation/loss", report.validation->loss});
  if (report.validation->accuracy) scalars.push_back({"validation/accuracy", *report.validation->accuracy});
  if (report.validation->perplexity) scalars.push_back({"validation/perplexity", *report.validation->perplexity});
  return scalars;
}

}  // namespace

bool is_csv(const std::string& path) { return path.ends_with(".csv"); }

MetricsLog::MetricsLog(const MetricsTargets& targets, std::int64_t steps_done) {
  if (targets.file) {
    is_csv_ = is_csv(*targets.file);
    LineFile::Start start = LineFile::Start::kEmpty;
    if (steps_done > 0) {
      const bool is_gone_on_with =
          is_csv_ ? keep_csv_until(*targets.file, steps_done) : keep_metrics_until(*targets.file, steps_done);
      if (is_gone_on_with) start = LineFile::Start::kAppend;
    }
    file_.emplace(*targets.file, start);
    if (is_csv_ && start == LineFile::Start::kEmpty) file_->write_line(csv_header());
  }
  if (targets.tensorboard) events_.emplace(*targets.tensorboard, steps_done);
}

void MetricsLog::write(const StepReport& report) {
  if (file_) file_->write_line(is_csv_ ? csv_line(report) : metrics_line(report));
  if (events_) events_->write(report.step, scalars_of(report));
}

void MetricsLog::write(const RunSummary& summary) {
  if (file_ && !is_csv_) file_->write_line(summary_line(summary));
}

}  // namespace mp::runtime
