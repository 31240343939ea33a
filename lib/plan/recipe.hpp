// How to train: everything a plan does not say. Recipes come from configs/*.json; command-line flags override them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "lib/graph/model.hpp"
#include "lib/plan/data_sources.hpp"
#include "lib/training/optimizer.hpp"
#include "lib/training/precision.hpp"

namespace mp {

enum class LearningRateShape : std::uint8_t { kConstant, kLinear, kCosine, kStep };
[[nodiscard]] std::string_view name_of(LearningRateShape shape);  // "constant", "linear", "cosine", "step"
[[nodiscard]] std::optional<LearningRateShape> find_learning_rate_shape(std::string_view name);

// After `warmup_steps` steps of linear growth the rate stays, or falls to `final_fraction` of its height at the last step
// along a line or half a cosine (Loshchilov & Hutter, "SGDR", ICLR 2017, without restarts), or is multiplied by `factor`
// after every `every_steps` steps.
struct LearningRateSchedule {
  LearningRateShape shape = LearningRateShape::kConstant;
  std::int64_t warmup_steps = 0;
  double final_fraction = 0.0;    // kLinear, kCosine
  std::int64_t every_steps = 1;   // kStep
  double factor = 0.1;            // kStep
  friend bool operator==(const LearningRateSchedule&, const LearningRateSchedule&) = default;
};

// Rate of step `step` (from 0) of `steps`: a number of double operations alone, the same everywhere up to the last
// bit of the cosine.
[[nodiscard]] double learning_rate_at(const LearningRateSchedule& schedule, double learning_rate, std::int64_t step,
                                      std::int64_t steps);

// Measuring the model on data that it is not trained on, while it is trained.
struct Validation {
  std::optional<std::int64_t> every_steps;
  std::optional<std::int64_t> patience;  // measurements without a new best one after which the training ends
  DataSources data;                      // empty: what the training data hold out
  friend bool operator==(const Validation&, const Validation&) = default;
};

// What is absent falls to the plan (optimizer, microbatches, bindings), then to the program's default.
struct Recipe {
  std::string description;
  std::optional<std::int64_t> steps;
  std::optional<Optimizer> optimizer;
  std::optional<double> learning_rate;
  std::optional<LearningRateSchedule> learning_rate_schedule;
  std::optional<std::uint64_t> seed;
  std::optional<std::int32_t> microbatches;
  std::optional<Precision> precision;
  Bindings bindings;  // dimensions, say {"batch": 64}: override the plan's
  DataSources data;
  Validation validation;
  // Outputs: relative to the working directory.
  std::optional<std::string> metrics;       // JSON lines, or CSV where the name ends so
  std::optional<std::string> tensorboard;   // folder of event files
  std::optional<std::string> weights;       // safetensors, written after the last step
  std::optional<std::string> best_weights;  // those of the best measurement so far
  friend bool operator==(const Recipe&, const Recipe&) = default;
};

}  // namespace mp
