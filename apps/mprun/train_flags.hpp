// The flags of `mprun train`, and what they make of a recipe.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "apps/common/command_line.hpp"
#include "apps/mprun/backend_flags.hpp"
#include "apps/mprun/checkpointing.hpp"
#include "apps/mprun/rank_start.hpp"
#include "lib/plan/recipe.hpp"
#include "lib/training/optimizer.hpp"

namespace mp::apps {

// apps/mprun/validation.hpp
struct ValidationFlags {
  std::optional<std::int64_t> every_steps;
  std::vector<std::string> data;
  std::optional<std::int64_t> patience;
  std::optional<std::string> best_weights;
};

struct TrainFlags {
  std::string plan;
  std::optional<std::string> recipe;
  std::optional<std::int64_t> steps;
  std::optional<std::uint64_t> seed;
  std::optional<double> learning_rate;
  std::optional<std::string> optimizer;
  std::optional<double> momentum;
  std::optional<double> weight_decay;
  std::optional<double> clip_norm;
  std::optional<std::int32_t> microbatches;
  std::optional<std::string> precision;
  std::vector<std::string> bind;
  std::vector<std::string> data;
  std::optional<std::string> metrics;
  std::optional<std::string> tensorboard;
  std::optional<std::string> save;
  std::optional<std::string> load;
  std::optional<std::string> trace;
  BackendFlags backend;
  bool no_pin = false;
  bool dump_program = false;
  bool detect_anomaly = false;
  ValidationFlags validation;
  CheckpointFlags checkpoints;
  RankFlags ranks;
  std::optional<double> stall_timeout_s;
};

void add_train_flags(CLI::App& command, TrainFlags& flags);
// Those alone that say what to run and how, not where results go.
void add_run_flags(CLI::App& command, TrainFlags& flags);
// The plan and those alone that shape its program (--recipe, --optimizer, --precision, --clip-norm, --microbatches,
// --bind).
void add_program_flags(CLI::App& command, TrainFlags& flags);
// Those alone that shape a step (--recipe, --optimizer, --precision, --microbatches, --bind, --data) and say where it
// runs (--backend, --threads).
void add_step_shape_flags(CLI::App& command, TrainFlags& flags);
// The same without --optimizer.
void add_forward_flags(CLI::App& command, TrainFlags& flags);

// --precision, --backend and --threads.
void add_running_flags(CLI::App& command, TrainFlags& flags);

// The recipe of --recipe (or an empty one) with the flags in place of what it says. Throws UsageError for a flag's
// value that makes no sense, InputError for the recipe file.
[[nodiscard]] Recipe recipe_of(const TrainFlags& flags, const Optimizer& plan_optimizer);

}  // namespace mp::apps
