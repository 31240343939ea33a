#include "apps/mprun/validation.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "apps/mprun/data_flags.hpp"
#include "lib/base/error.hpp"
#include "lib/plan/prepare.hpp"

namespace mp::apps {
namespace {

constexpr std::int64_t kMaxSteps = 32;  // of one measurement

template <class T>
void override_with(const std::optional<T>& flag, std::optional<T>& value) {
  if (flag) value = flag;
}

void need_validation(bool is_asked_for, const char* what) {
  if (is_asked_for) {
    throw UsageError(
        fmt::format("{} needs --validate-every (in a recipe: \"validation\": {{\"every_steps\": …}}), which "
                    "says when to measure",
                    what));
  }
}

}  // namespace

void add_validation_flags(CLI::App& command, ValidationFlags& flags) {
  const std::string group = "Validation";
  command.add_option("--validate-every", flags.every_steps, "Measure on held-out data after every N steps [recipe]")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{1} << 40))
      ->type_name("N")
      ->group(group);
  command
      .add_option("--validation-data", flags.data,
                  "Data to measure on, as --data has it [recipe, else what is held out of the training data]")
      ->type_name("NAME=VALUE")
      ->group(group);
  command
      .add_option("--patience", flags.patience,
                  "End the training when the held-out loss has had no new best for N measurements [recipe, else never]")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{1} << 40))
      ->type_name("N")
      ->group(group);
  command
      .add_option("--save-best", flags.best_weights, "Keep the weights of the best measurement (safetensors) [recipe]")
      ->type_name("FILE")
      ->group(group);
}

void apply_validation_flags(const ValidationFlags& flags, Recipe& recipe) {
  Validation& validation = recipe.validation;
  override_with(flags.every_steps, validation.every_steps);
  override_with(flags.patience, validation.patience);
  override_with(flags.best_weights, recipe.best_weights);
  apply_data_flags(flags.data, validation.data);
  if (validation.every_steps) return;
  need_validation(validation.patience.has_value(), "--patience");
  need_validation(recipe.best_weights.has_value(), "--save-best");
  need_validation(validation.data != DataSources{}, "--validation-data");
}

HeldOut::HeldOut(const Run& run, const Metadata& progress) {
  const Recipe& recipe = run.job.recipe;
  const Program& program = run.executor.program();
  const runtime::DataSource* source = run.data.held_out.get();
  std::int64_t steps = run.data.held_out_steps;
  if (recipe.validation.data != DataSources{}) {
    DataSources sources = recipe.validation.data;
    for (const auto& [input, fill] : recipe.data.fill) sources.fill.emplace(input, fill);
    own_data_ = runtime::open_training_data(program.training.graph, {.sources = std::move(sources),
                                                                     .seed = run.job.options.seed,
                                                                     .microbatches = program.microbatches,
                                                                     .is_whole_set = true});
    source = own_data_->training.get();
    const std::int64_t whole_steps = own_data_->training_samples / run.job.options.samples_per_step;
    steps = own_data_->training_samples > 0 ? std::max<std::int64_t>(1, whole_steps) : kMaxSteps;
  }
  if (source == nullptr) {
    throw UsageError(
        "--validate-every: the training data hold nothing out (random values, or too few samples); say "
        "what to measure on with --validation-data");
  }
  evaluator_.emplace(program, microbatch_graph(run.job.input.model, run.shape, run.job.input.model_path), run.backends,
                     run.executor.ranks());
  validator_.emplace(
      run.executor, *evaluator_, *source,
      runtime::ValidationOptions{.every_steps = recipe.validation.every_steps.value_or(1),
                                 .patience = recipe.validation.patience.value_or(0),
                                 .evaluate = {.steps = std::min(steps, kMaxSteps), .seed = run.job.options.seed},
                                 .best_weights = recipe.best_weights},
      runtime::validation_state_of(progress));
}

std::string HeldOut::text(std::int64_t step, const runtime::Evaluation& evaluation) const {
  std::string text = fmt::format("step {}: held-out loss {:.4f}", step, evaluation.loss);
  if (evaluation.accuracy) text += fmt::format(", accuracy {:.1f} %", 100.0 * *evaluation.accuracy);
  if (evaluation.perplexity) text += fmt::format(", perplexity {:.4g}", *evaluation.perplexity);
  const runtime::ValidationState& state = validator_->state();
  if (state.best_step == step && state.since_best == 0) return text + " (the best so far)";
  return state.best_loss ? text + fmt::format(" (best {:.4f} at step {})", *state.best_loss, state.best_step) : text;
}

}  // namespace mp::apps
