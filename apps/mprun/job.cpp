#include "apps/mprun/job.hpp"

#include <optional>
#include <utility>

namespace mp::apps {
namespace {

constexpr std::int64_t kDefaultSteps = 100;

double default_learning_rate(OptimizerKind kind) { return kind == OptimizerKind::kSgd ? 0.01 : 0.001; }

}  // namespace

Job make_job(const TrainFlags& flags) { return make_job(flags, read_plan_with_model(flags.plan)); }

Job make_job(const TrainFlags& flags, PlanWithModel input) {
  Job job{.input = std::move(input), .recipe = {}, .optimizer = {}, .options = {}};
  Recipe& recipe = job.recipe = recipe_of(flags, job.input.plan.optimizer);
  job.optimizer = recipe.optimizer.value_or(job.input.plan.optimizer);
  job.options = {.steps = recipe.steps.value_or(kDefaultSteps),
                 .learning_rate = recipe.learning_rate.value_or(default_learning_rate(job.optimizer.kind)),
                 .schedule = recipe.learning_rate_schedule.value_or(LearningRateSchedule{}),
                 .seed = recipe.seed.value_or(0)};
  return job;
}

PreparedPlan prepare_job(const Job& job, const std::string& plan_path) {
  return prepare_read(job.input, {.optimizer = job.recipe.optimizer,
                                  .precision = job.recipe.precision,
                                  .microbatches = job.recipe.microbatches,
                                  .schedule = std::nullopt,
                                  .bindings = job.recipe.bindings,
                                  .collectives = job.collectives,
                                  .plan_source = plan_path,
                                  .model_source = job.input.model_path});
}

std::int64_t samples_of(const Graph& graph, std::int32_t microbatches) {
  for (const GraphInput& input : graph.inputs()) {
    const Shape& shape = graph.tensor(input.tensor).type.shape;
    if (!shape.empty()) return shape[0] * microbatches;
  }
  return microbatches;
}

runtime::TrainingData open_data(const Job& job, const PreparedPlan& prepared) {
  return runtime::open_training_data(
      prepared.program.training.graph,
      {.sources = job.recipe.data, .seed = job.options.seed, .microbatches = prepared.program.microbatches});
}

}  // namespace mp::apps
