#include "apps/mprun/run_settings.hpp"

#include <fmt/core.h>
#include <fmt/format.h>

#include <cstdint>
#include <string>

namespace mp::apps {
namespace {

std::string text_of(const LearningRateSchedule& schedule) {
  const std::string start = fmt::format("{}, {} steps of warm-up", name_of(schedule.shape), schedule.warmup_steps);
  if (schedule.shape == LearningRateShape::kStep) {
    return fmt::format("{}, times {} after every {} steps", start, schedule.factor, schedule.every_steps);
  }
  return fmt::format("{}, down to {}", start, schedule.final_fraction);
}

std::string text_of(const std::vector<ParameterGroup>& groups) {
  std::string text;
  for (const ParameterGroup& group : groups) {
    text += fmt::format("{}{}: learning rate times {}", text.empty() ? "" : "; ", fmt::join(group.patterns, " "),
                        group.learning_rate_factor);
    if (group.weight_decay) text += fmt::format(", weight decay {}", *group.weight_decay);
  }
  return text.empty() ? "none" : text;
}

void add_optimizer(const Optimizer& optimizer, Metadata& settings) {
  settings.emplace("optimizer", name_of(optimizer.kind));
  settings.emplace("clip_norm", fmt::format("{}", optimizer.clip_norm));
  settings.emplace("weight_decay", fmt::format("{}", optimizer.weight_decay));
  settings.emplace("groups", text_of(optimizer.groups));
  if (optimizer.kind == OptimizerKind::kSgd) {
    settings.emplace("momentum", fmt::format("{}", optimizer.momentum));
    return;
  }
  settings.emplace("beta1", fmt::format("{}", optimizer.beta1));
  settings.emplace("beta2", fmt::format("{}", optimizer.beta2));
  settings.emplace("epsilon", fmt::format("{}", optimizer.epsilon));
}

}  // namespace

Metadata settings_of(const Job& job, const PreparedPlan& prepared, const runtime::TrainingData& data) {
  Metadata settings{{"seed", std::to_string(job.options.seed)},
                    {"steps", std::to_string(job.options.steps)},
                    {"learning_rate", fmt::format("{}", job.options.learning_rate)},
                    {"learning_rate_schedule", text_of(job.options.schedule)},
                    {"microbatches", std::to_string(prepared.shape.microbatches)},
                    {"precision", std::string(name_of(prepared.shape.precision))},
                    {"validate_every", std::to_string(job.recipe.validation.every_steps.value_or(0))},
                    {"patience", std::to_string(job.recipe.validation.patience.value_or(0))},
                    {"data", data.description.empty() ? "random" : data.description}};
  add_optimizer(job.optimizer, settings);
  for (const auto& [name, extent] : prepared.shape.bindings) settings.emplace(name, std::to_string(extent));
  return settings;
}

}  // namespace mp::apps
