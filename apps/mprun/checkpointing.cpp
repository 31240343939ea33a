#include "apps/mprun/checkpointing.hpp"

#include <fmt/core.h>

#include <string_view>

#include "apps/common/checks.hpp"
#include "apps/mprun/interrupt.hpp"
#include "lib/base/error.hpp"
#include "lib/plan/recipe.hpp"
#include "runtime/checkpoint/checkpoint_folder.hpp"

namespace mp::apps {
namespace {

constexpr double kSecondsPerMinute = 60.0;
constexpr std::int64_t kDefaultKeep = 3;

void tell(std::string_view message) { fmt::print(stderr, "{}\n", message); }

// A longer run at a constant rate is the shorter one and more; on the way down a line or a cosine it is another one.
bool changes_losses(std::string_view name, const Metadata& now) {
  if (name != "steps") return true;
  const auto schedule = now.find("learning_rate_schedule");
  return schedule == now.end() || schedule->second.starts_with(name_of(LearningRateShape::kLinear)) ||
         schedule->second.starts_with(name_of(LearningRateShape::kCosine));
}

// Everything may be changed on the way; but then the losses are not those of a run that never stopped.
void tell_of_changes(const Metadata& before, const Metadata& now) {
  for (const auto& [name, value] : now) {
    const auto old = before.find(name);
    if (old == before.end() || old->second == value) continue;
    tell(fmt::format(
        "the checkpoint was made with {} {}, this run has {}: it goes on with the new value{}", name, old->second,
        value, changes_losses(name, now) ? ", and its losses are not those of a run that was never stopped" : ""));
  }
}

}  // namespace

void add_checkpoint_flags(CLI::App& command, CheckpointFlags& flags) {
  const std::string group = "Checkpoints";
  command.add_option("--checkpoint-dir", flags.folder, "Folder of this run's checkpoints (made if missing)")
      ->type_name("DIR")
      ->group(group);
  command.add_option("--checkpoint-every", flags.every_steps, "Write one every N steps, beside the training")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{1} << 40))
      ->type_name("N")
      ->group(group);
  command.add_option("--checkpoint-minutes", flags.every_minutes, "Write one every M minutes (both may be given)")
      ->check(positive())
      ->type_name("M")
      ->group(group);
  command.add_option("--keep", flags.keep, "Newest checkpoints to keep [3]")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{1} << 30))
      ->type_name("N")
      ->group(group);
  command
      .add_flag("--resume", flags.resume,
                "Go on from the newest checkpoint, as if never stopped, also under another plan of the model")
      ->group(group);
  command
      .add_option("--max-restarts", flags.max_restarts,
                  "When the training is killed or fails, start it again from the newest checkpoint, so often [0]")
      ->check(CLI::Range(0, 1'000'000))
      ->type_name("N")
      ->group(group);
}

void check_checkpoint_flags(const CheckpointFlags& flags) {
  const bool periodic = flags.every_steps > 0 || flags.every_minutes > 0.0;
  if (!flags.folder) {
    const char* name = flags.resume             ? "--resume"
                       : flags.max_restarts > 0 ? "--max-restarts"
                       : flags.every_steps > 0  ? "--checkpoint-every"
                       : periodic               ? "--checkpoint-minutes"
                       : flags.keep             ? "--keep"
                                                : nullptr;
    if (name != nullptr)
      throw UsageError(fmt::format("{} needs --checkpoint-dir, the folder of the checkpoints", name));
    return;
  }
  if (flags.max_restarts > 0 && !periodic) {
    throw UsageError(
        "--max-restarts needs --checkpoint-every or --checkpoint-minutes: there is nothing else to start from");
  }
  runtime::make_checkpoint_folder(*flags.folder);
  const auto found = runtime::checkpoints_in(*flags.folder);
  if (!found.empty() && !flags.resume) {
    throw UsageError(
        fmt::format("{} holds checkpoints up to step {}: go on from them with --resume, or choose another "
                    "--checkpoint-dir",
                    *flags.folder, found.front().step));
  }
}

runtime::RunState resume_from_checkpoint(const CheckpointFlags& flags, runtime::Executor& executor,
                                         const Metadata& settings) {
  if (!flags.resume) return {};
  const std::optional<runtime::RunState> state = runtime::resume(executor, *flags.folder, tell);
  if (!state) {
    tell(fmt::format("{} has no checkpoint yet: starting with step 1", *flags.folder));
    return {};
  }
  tell(
      fmt::format("resumed from {}: {} steps done", runtime::checkpoint_path(*flags.folder, state->step), state->step));
  tell_of_changes(state->settings, settings);
  return *state;
}

std::unique_ptr<runtime::CheckpointWriter> checkpoint_writer(const CheckpointFlags& flags, runtime::Executor& executor,
                                                             const Metadata& settings, std::int64_t step) {
  if (!flags.folder) return nullptr;
  return std::make_unique<runtime::CheckpointWriter>(
      executor,
      runtime::CheckpointOptions{.folder = *flags.folder,
                                 .every_steps = flags.every_steps,
                                 .every_s = std::chrono::duration<double>(flags.every_minutes * kSecondsPerMinute),
                                 .keep = flags.keep.value_or(kDefaultKeep),
                                 .settings = settings,
                                 .on_written = note_checkpoint},
      step);
}

void tell_of_stop(const CheckpointFlags& flags, std::int64_t step) {
  if (!flags.folder)
    return tell(fmt::format("stopped after step {}; no checkpoint is kept without --checkpoint-dir", step));
  tell(fmt::format("stopped after step {}, kept in {}: --resume goes on from there", step,
                   runtime::checkpoint_path(*flags.folder, step)));
}

}  // namespace mp::apps
