#include "runtime/trainer.hpp"

#include <fmt/core.h>

#include <chrono>
#include <cmath>
#include <string_view>

#include "lib/base/error.hpp"

namespace mp::runtime {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

// NaN has no sign to speak of.
void check_finite(std::string_view what, double value, std::int64_t step, const TrainOptions& options) {
  if (std::isfinite(value)) return;
  throw RunError(
      fmt::format("step {}: the {} is {}: training has diverged; try a lower learning rate than {:g}, "
                  "or find the node that made it first with --detect-anomaly",
                  step + 1, what, std::isnan(value) ? std::abs(value) : value, options.learning_rate));
}

}  // namespace

TrainSummary train(Executor& executor, const DataSource& data, const TrainOptions& options,
                   const StepObserver& observer) {
  TrainSummary summary;
  summary.steps = options.first_step;
  const Clock::time_point start = Clock::now();
  for (std::int64_t step = options.first_step; step < options.steps; ++step) {
    const Clock::time_point step_start = Clock::now();
    const double rate = learning_rate_at(options.schedule, options.learning_rate, step, options.steps);
    summary.loss = executor.run_step({.seed = options.seed, .step = step, .learning_rate = rate}, data);
    summary.steps = step + 1;
    const double seconds = seconds_since(step_start);
    const std::optional<double> norm = executor.gradient_norm();
    check_finite("loss", summary.loss, step, options);
    if (norm) check_finite("gradient norm", *norm, step, options);
    const bool goes_on = observer({.step = step + 1,
                                   .steps = options.steps,
                                   .loss = summary.loss,
                                   .step_time_s = seconds,
                                   .samples_per_s = static_cast<double>(options.samples_per_step) / seconds,
                                   .learning_rate = rate,
                                   .gradient_norm = norm});
    if (!goes_on) break;
  }
  summary.seconds = seconds_since(start);
  return summary;
}

}  // namespace mp::runtime
