#include "lib/files/recipe_file.hpp"

#include <array>
#include <cstddef>
#include <limits>

#include "lib/files/atomic_file.hpp"
#include "lib/files/data_fields.hpp"
#include "lib/files/fields.hpp"
#include "lib/files/json.hpp"
#include "lib/files/paths.hpp"

namespace mp {
namespace {

constexpr std::array kShapes = {LearningRateShape::kConstant, LearningRateShape::kLinear, LearningRateShape::kCosine,
                                LearningRateShape::kStep};

LearningRateSchedule read_schedule(JsonValue value) {
  const JsonObject fields = value.object({"shape", "warmup_steps", "final_fraction", "every_steps", "factor"});
  LearningRateSchedule schedule{.shape = LearningRateShape::kConstant,
                                .warmup_steps = fields["warmup_steps"].integer(0),
                                .final_fraction = fields["final_fraction"].number_at_least(0.0)};
  if (fields["shape"].present()) schedule.shape = fields["shape"].enumerator("shape", kShapes);
  const bool falls_to_the_end =
      schedule.shape == LearningRateShape::kLinear || schedule.shape == LearningRateShape::kCosine;
  if (!falls_to_the_end) {
    fields["final_fraction"].issue(schedule.shape == LearningRateShape::kConstant
                                       ? "belongs to the shapes linear and cosine; constant stays as it is"
                                       : "belongs to the shapes linear and cosine; step has every_steps and factor");
  }
  if (schedule.shape == LearningRateShape::kStep) {
    schedule.every_steps = fields.require("every_steps").integer(1);
    if (fields["factor"].present()) schedule.factor = fields["factor"].number_at_least(0.0);
    if (schedule.factor > 1.0) fields["factor"].issue("must be at most 1");
  } else {
    fields["every_steps"].issue("belongs to the shape step");
    fields["factor"].issue("belongs to the shape step");
  }
  if (schedule.final_fraction > 1.0) fields["final_fraction"].issue("must be at most 1");
  return schedule;
}

std::optional<std::string> read_path(JsonValue value) {
  if (!value.present()) return std::nullopt;
  return value.nonempty_string();
}

std::optional<std::int64_t> read_count(JsonValue value) {
  if (!value.present()) return std::nullopt;
  return value.integer(1);
}

void read_outputs(const JsonObject& root, Recipe& recipe) {
  recipe.metrics = read_path(root["metrics"]);
  recipe.tensorboard = read_path(root["tensorboard"]);
  recipe.weights = read_path(root["weights"]);
  recipe.best_weights = read_path(root["best_weights"]);
}

Validation read_validation(JsonValue value) {
  const JsonObject fields = value.object({"every_steps", "patience", "data"});
  return {.every_steps = read_count(fields["every_steps"]),
          .patience = read_count(fields["patience"]),
          .data = read_data_sources(fields["data"])};
}

}  // namespace

Recipe parse_recipe(std::string_view text, const std::string& source) {
  JsonDocument document(text, source);
  document.require_format(kRecipeFormat);
  const JsonObject root = document.root().object(
      {"format", "description", "steps", "optimizer", "learning_rate", "learning_rate_schedule", "seed", "microbatches",
       "precision", "bindings", "data", "validation", "metrics", "tensorboard", "weights", "best_weights"});
  Recipe recipe;
  recipe.description = root["description"].string();
  recipe.steps = read_count(root["steps"]);
  if (root["optimizer"].present()) recipe.optimizer = read_optimizer(root["optimizer"]);
  if (root["learning_rate"].present()) recipe.learning_rate = root["learning_rate"].number_at_least(0.0);
  if (root["learning_rate_schedule"].present()) {
    recipe.learning_rate_schedule = read_schedule(root["learning_rate_schedule"]);
  }
  if (root["seed"].present()) recipe.seed = root["seed"].unsigned_integer();
  if (root["microbatches"].present()) {
    recipe.microbatches = static_cast<std::int32_t>(root["microbatches"].integer(1, 1'000'000));
  }
  if (root["precision"].present()) recipe.precision = root["precision"].enumerator("precision", kPrecisions);
  recipe.bindings = read_bindings(root["bindings"]);
  recipe.data = read_data_sources(root["data"]);
  recipe.validation = read_validation(root["validation"]);
  read_outputs(root, recipe);
  document.finish();
  return recipe;
}

Recipe read_recipe(const std::string& path) {
  Recipe recipe = parse_recipe(read_file(path), path);
  find_from(path, recipe.data);
  find_from(path, recipe.validation.data);
  return recipe;
}

}  // namespace mp
