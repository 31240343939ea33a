#include "apps/mprun/train_flags.hpp"

#include <fmt/core.h>

#include <charconv>
#include <string_view>
#include <utility>

#include "apps/common/checks.hpp"
#include "apps/mprun/data_flags.hpp"
#include "apps/mprun/stalls.hpp"
#include "apps/mprun/validation.hpp"
#include "lib/base/error.hpp"
#include "lib/files/recipe_file.hpp"

namespace mp::apps {
namespace {

constexpr const char* kAsTrainHasThem = "As mprun train has them";

void apply_bindings(const std::vector<std::string>& bind, Bindings& bindings) {
  for (const std::string& text : bind) {
    const auto [name, value] = split_flag("--bind", text, "batch=32");
    std::int64_t extent = 0;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), extent);
    if (error != std::errc() || end != value.data() + value.size() || extent < 1) {
      throw UsageError(fmt::format("--bind '{}': '{}' is not a whole number of at least 1", text, value));
    }
    bindings.insert_or_assign(name, extent);
  }
}

// The constants of another kind of optimizer mean nothing to the one asked for; its limit and its groups do.
Optimizer default_of(OptimizerKind kind, const Optimizer& before) {
  return {.kind = kind,
          .weight_decay = kind == OptimizerKind::kAdamW ? Optimizer{}.weight_decay : 0.0,
          .clip_norm = before.clip_norm,
          .groups = before.groups};
}

void apply_optimizer(const TrainFlags& flags, const Optimizer& plan_optimizer, Recipe& recipe) {
  if (!flags.optimizer && !flags.momentum && !flags.weight_decay && !flags.clip_norm) return;
  Optimizer optimizer = recipe.optimizer.value_or(plan_optimizer);
  if (flags.optimizer) {
    const OptimizerKind kind = find_optimizer(*flags.optimizer).value();  // the flag takes known names alone
    if (kind != optimizer.kind) optimizer = default_of(kind, optimizer);
  }
  if (flags.momentum && optimizer.kind != OptimizerKind::kSgd) {
    throw UsageError(fmt::format("--momentum is for sgd; the optimizer is {}", name_of(optimizer.kind)));
  }
  optimizer.momentum = flags.momentum.value_or(optimizer.momentum);
  optimizer.weight_decay = flags.weight_decay.value_or(optimizer.weight_decay);
  optimizer.clip_norm = flags.clip_norm.value_or(optimizer.clip_norm);
  recipe.optimizer = optimizer;
}

template <class T>
void override_with(const std::optional<T>& flag, std::optional<T>& value) {
  if (flag) value = flag;
}

void add_recipe_flag(CLI::App& command, TrainFlags& flags, const std::string& group) {
  command.add_option("--recipe", flags.recipe, "How to train (configs/*.json); flags override it")
      ->type_name("FILE")
      ->group(group);
}

void add_optimizer_flag(CLI::App& command, TrainFlags& flags, const std::string& group) {
  command.add_option("--optimizer", flags.optimizer, "sgd, adam or adamw [recipe, else plan]")
      ->check(CLI::IsMember({"sgd", "adam", "adamw"}))
      ->type_name("NAME")
      ->group(group);
}

void add_precision_flag(CLI::App& command, TrainFlags& flags, const std::string& group) {
  command
      .add_option("--precision", flags.precision,
                  "float32, or bf16: compute in bfloat16 with float32 master weights, losses and statistics [recipe, "
                  "else plan]")
      ->check(CLI::IsMember({"float32", "bf16"}))
      ->type_name("NAME")
      ->group(group);
}

void add_clip_norm_flag(CLI::App& command, TrainFlags& flags, const std::string& group) {
  command
      .add_option("--clip-norm", flags.clip_norm,
                  "Scale the gradients down where the norm of all together is larger; 0: never [recipe, else plan]")
      ->check(not_negative())
      ->type_name("X")
      ->group(group);
}

void add_microbatches_flag(CLI::App& command, TrainFlags& flags, const std::string& group) {
  command.add_option("--microbatches", flags.microbatches, "Microbatches of a step [recipe, else plan]")
      ->check(CLI::Range(1, 1 << 20))
      ->type_name("N")
      ->group(group);
}

void add_bind_flag(CLI::App& command, TrainFlags& flags, const std::string& group) {
  command.add_option("--bind", flags.bind, "Dimension of the model, as batch=32; may be repeated [recipe, else plan]")
      ->type_name("NAME=N")
      ->group(group);
}

void add_training_flags(CLI::App& command, TrainFlags& flags) {
  const std::string group = "Training";
  add_recipe_flag(command, flags, group);
  command.add_option("--steps", flags.steps, "Steps to train [recipe, else 100]")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{1} << 40))
      ->type_name("N")
      ->group(group);
  command
      .add_option("--learning-rate", flags.learning_rate,
                  "Height of the learning rate's schedule [recipe, else 0.01 for sgd, 0.001 for adam and adamw]")
      ->check(not_negative())
      ->type_name("X")
      ->group(group);
  add_optimizer_flag(command, flags, group);
  add_precision_flag(command, flags, group);
  command.add_option("--momentum", flags.momentum, "Momentum of sgd")
      ->check(between(0, 1))
      ->type_name("X")
      ->group(group);
  command.add_option("--weight-decay", flags.weight_decay, "Weight decay of the optimizer")
      ->check(not_negative())
      ->type_name("X")
      ->group(group);
  add_clip_norm_flag(command, flags, group);
  add_microbatches_flag(command, flags, group);
  command.add_option("--seed", flags.seed, "Seed of initial weights and data order [recipe, else 0]")
      ->check(seed_number())
      ->type_name("N")
      ->group(group);
  add_bind_flag(command, flags, group);
}

void add_load_flag(CLI::App& command, TrainFlags& flags, const std::string& group) {
  command.add_option("--load", flags.load, "Start from the weights of this file (safetensors)")
      ->type_name("FILE")
      ->group(group);
}

void add_output_flags(CLI::App& command, TrainFlags& flags) {
  const std::string group = "Data and files";
  command.add_option("--metrics", flags.metrics, "Write a JSON line a step, and a summary; FILE.csv: CSV [recipe]")
      ->type_name("FILE")
      ->group(group);
  command
      .add_option("--tensorboard", flags.tensorboard, "Write an event file for TensorBoard into this folder [recipe]")
      ->type_name("DIR")
      ->group(group);
  command.add_option("--save", flags.save, "Write the weights after the last step (safetensors)")
      ->type_name("FILE")
      ->group(group);
}

}  // namespace

void add_run_flags(CLI::App& command, TrainFlags& flags) {
  command.add_option("plan", flags.plan, "The plan, made by mpplan or written by hand")->required()->type_name("PLAN");
  add_training_flags(command, flags);
  add_data_flag(command, flags.data, "Data and files");
  add_load_flag(command, flags, "Data and files");
  add_backend_flags(command, flags.backend, "Running");
}

void add_train_flags(CLI::App& command, TrainFlags& flags) {
  add_run_flags(command, flags);
  add_output_flags(command, flags);
  add_validation_flags(command, flags.validation);
  add_checkpoint_flags(command, flags.checkpoints);
  add_rank_flags(command, flags.ranks);
  add_stall_flag(command, flags.stall_timeout_s);
  const std::string group = "Running";
  command
      .add_flag("--no-pin", flags.no_pin,
                "Let threads of cpu devices move between cores; else each keeps to one of its own where they fill more "
                "than half of the machine")
      ->group(group);
  command.add_option("--trace", flags.trace, "Write what ran when in the last step, for ui.perfetto.dev")
      ->type_name("FILE")
      ->group(group);
  command
      .add_flag("--detect-anomaly", flags.detect_anomaly,
                "Look at every value a node makes; stop at the first NaN or infinity and name its node (slower)")
      ->group(group);
  command.add_flag("--dump-program", flags.dump_program, "Print what each device would do in a step, and stop")
      ->group(group);
  command.footer(
      "Ctrl-C, SIGTERM and SIGUSR1 end the training after the step; what was asked is still saved, a checkpoint too\n"
      "(exit code 130). Under mpirun Ctrl-C leaves two seconds for that; kill -USR1 on mpirun leaves as much as it "
      "takes.\n"
      "Examples:\n"
      "  mprun train plan.json --recipe configs/gpt-text.json --save weights.safetensors\n"
      "  mprun train plan.json --steps 50 --data text=book.txt --metrics run.jsonl\n"
      "  mprun train plan.json --checkpoint-dir run1 --checkpoint-every 100        and after a stop, once more with "
      "--resume\n"
      "  mpirun -n 4 mprun train plan.json            the plan's devices shared out over four processes; so does srun\n"
      "  mprun train plan.json --microbatches 4 --dump-program\n");
}

void add_step_shape_flags(CLI::App& command, TrainFlags& flags) {
  add_forward_flags(command, flags);
  add_optimizer_flag(command, flags, kAsTrainHasThem);
}

void add_forward_flags(CLI::App& command, TrainFlags& flags) {
  const std::string group = kAsTrainHasThem;
  add_recipe_flag(command, flags, group);
  add_precision_flag(command, flags, group);
  add_microbatches_flag(command, flags, group);
  add_bind_flag(command, flags, group);
  add_data_flag(command, flags.data, group);
  add_backend_flags(command, flags.backend, group);
}

void add_program_flags(CLI::App& command, TrainFlags& flags) {
  const std::string group = kAsTrainHasThem;
  command.add_option("plan", flags.plan, "The plan, made by mpplan or written by hand")->required()->type_name("PLAN");
  add_recipe_flag(command, flags, group);
  add_optimizer_flag(command, flags, group);
  add_precision_flag(command, flags, group);
  add_clip_norm_flag(command, flags, group);
  add_microbatches_flag(command, flags, group);
  add_bind_flag(command, flags, group);
}

void add_running_flags(CLI::App& command, TrainFlags& flags) {
  const std::string group = "Running";
  add_precision_flag(command, flags, group);
  add_backend_flags(command, flags.backend, group);
}

Recipe recipe_of(const TrainFlags& flags, const Optimizer& plan_optimizer) {
  Recipe recipe = flags.recipe ? read_recipe(*flags.recipe) : Recipe{};
  override_with(flags.steps, recipe.steps);
  override_with(flags.seed, recipe.seed);
  override_with(flags.learning_rate, recipe.learning_rate);
  override_with(flags.microbatches, recipe.microbatches);
  if (flags.precision) recipe.precision = find_precision(*flags.precision);  // the flag takes known names alone
  override_with(flags.metrics, recipe.metrics);
  override_with(flags.tensorboard, recipe.tensorboard);
  override_with(flags.save, recipe.weights);
  apply_bindings(flags.bind, recipe.bindings);
  apply_data_flags(flags.data, recipe.data);
  apply_optimizer(flags, plan_optimizer, recipe);
  apply_validation_flags(flags.validation, recipe);
  return recipe;
}

}  // namespace mp::apps
