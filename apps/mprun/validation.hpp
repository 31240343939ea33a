// What `mprun train` does about held-out data: flags, and measuring while it trains.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "apps/common/command_line.hpp"
#include "apps/mprun/job.hpp"
#include "lib/files/safetensors.hpp"
#include "lib/plan/recipe.hpp"
#include "runtime/backends.hpp"
#include "runtime/data/training_data.hpp"
#include "runtime/trainer.hpp"
#include "runtime/validation.hpp"

namespace mp::apps {

void add_validation_flags(CLI::App& command, ValidationFlags& flags);
// Puts them in place of what a recipe says. Throws UsageError where one needs another.
void apply_validation_flags(const ValidationFlags& flags, Recipe& recipe);

// The data to measure on, and the program that does it. Made once for a run, before its first step.
class HeldOut {
 public:
  // The parts of a run that this looks at; all must live as long.
  struct Run {
    const Job& job;
    const StepShape& shape;
    runtime::Executor& executor;
    const runtime::TrainingData& data;
    const runtime::BackendFactory& backends;
  };
  // Throws UsageError where the data hold nothing out, InputError for files of --validation-data.
  HeldOut(const Run& run, const Metadata& progress);
  HeldOut(const HeldOut&) = delete;
  HeldOut& operator=(const HeldOut&) = delete;

  [[nodiscard]] runtime::Validator& validator() { return *validator_; }
  [[nodiscard]] runtime::Executor& executor() { return evaluator_->executor(); }  // that measures
  // A line about a measurement, for people.
  [[nodiscard]] std::string text(std::int64_t step, const runtime::Evaluation& evaluation) const;

 private:
  std::optional<runtime::TrainingData> own_data_;
  std::optional<runtime::Evaluator> evaluator_;
  std::optional<runtime::Validator> validator_;
};

}  // namespace mp::apps
