// What a plan and a recipe make together: the run that train, verify and eval start from.
#pragma once

#include <string>

#include "apps/common/plan_with_model.hpp"
#include "apps/mprun/train_flags.hpp"
#include "lib/plan/prepare.hpp"
#include "runtime/data/training_data.hpp"
#include "runtime/trainer.hpp"

namespace mp::apps {

struct Job {
  PlanWithModel input;
  Recipe recipe;
  Optimizer optimizer;
  runtime::TrainOptions options;
  bool collectives = false;  // replicas use those of the transport
};

// Reads plan, model and recipe. Throws InputError, UsageError.
[[nodiscard]] Job make_job(const TrainFlags& flags);
// Of a plan that was read already.
[[nodiscard]] Job make_job(const TrainFlags& flags, PlanWithModel input);

[[nodiscard]] PreparedPlan prepare_job(const Job& job, const std::string& plan_path);

// Samples of a step: the first extent of the inputs, over all microbatches.
[[nodiscard]] std::int64_t samples_of(const Graph& graph, std::int32_t microbatches);

[[nodiscard]] runtime::TrainingData open_data(const Job& job, const PreparedPlan& prepared);

}  // namespace mp::apps
