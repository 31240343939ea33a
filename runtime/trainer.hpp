// The training loop: steps of an Executor under a learning-rate schedule.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>

#include "lib/plan/recipe.hpp"
#include "runtime/data/data_source.hpp"
#include "runtime/evaluate.hpp"
#include "runtime/executor.hpp"

namespace mp::runtime {

struct TrainOptions {
  std::int64_t steps = 0;
  std::int64_t first_step = 0;  // steps done before, of `steps`
  double learning_rate = 0.0;
  LearningRateSchedule schedule{};
  std::uint64_t seed = 0;
  std::int64_t samples_per_step = 0;
};

struct StepReport {
  std::int64_t step = 0;  // from 1
  std::int64_t steps = 0;
  double loss = 0.0;
  double step_time_s = 0.0;
  double samples_per_s = 0.0;
  double learning_rate = 0.0;
  std::optional<double> gradient_norm = {};   // before clipping, where the optimizer clips
  std::optional<Evaluation> validation = {};  // where the model was measured after the step
};

struct TrainSummary {
  std::int64_t steps = 0;  // done, those before the first included
  double seconds = 0.0;
  double loss = 0.0;  // of the last step
};

// Called after each step; false ends the training there.
using StepObserver = std::function<bool(const StepReport&)>;

// Throws RunError when a device fails, or when a loss or gradient norm is not finite: the parameters are beyond use then.
TrainSummary train(Executor& executor, const DataSource& data, const TrainOptions& options,
                   const StepObserver& observer);

}  // namespace mp::runtime
