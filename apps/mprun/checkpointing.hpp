// What `mprun train` does about checkpoints: flags, resuming, starting again by itself.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "apps/common/command_line.hpp"
#include "apps/common/run_main.hpp"
#include "lib/files/safetensors.hpp"
#include "runtime/checkpoint/checkpoint_writer.hpp"

namespace mp::apps {

struct CheckpointFlags {
  std::optional<std::string> folder;
  std::int64_t every_steps = 0;
  double every_minutes = 0.0;
  std::optional<std::int64_t> keep;  // absent: 3
  bool resume = false;
  int max_restarts = 0;
};

void add_checkpoint_flags(CLI::App& command, CheckpointFlags& flags);

// Throws UsageError where a flag needs another one, or where the folder holds another run's checkpoints and --resume
// was not given; RunError where the folder cannot be made.
void check_checkpoint_flags(const CheckpointFlags& flags);

// Takes up the newest checkpoint and returns where it was: at step 0 without --resume, or where there is none yet. Says
// on standard error what it found, and which settings differ from those of the run before.
[[nodiscard]] runtime::RunState resume_from_checkpoint(const CheckpointFlags& flags, runtime::Executor& executor,
                                                       const Metadata& settings);

// Null where no checkpoints were asked for.
[[nodiscard]] std::unique_ptr<runtime::CheckpointWriter> checkpoint_writer(const CheckpointFlags& flags,
                                                                           runtime::Executor& executor,
                                                                           const Metadata& settings, std::int64_t step);

// Says what is left of a training that was interrupted after this step, its checkpoint being written.
void tell_of_stop(const CheckpointFlags& flags, std::int64_t step);

// Runs `train` in a process of its own and, while restarts are left, once more when it was killed or failed
// (exit code 5): with `resume` set, from the newest checkpoint. Interrupts are passed on to it. A run that fails twice
// without a new checkpoint in between is given up: it would fail at the same place again. `train` is given the number
// of restarts so far. Of ranks, each does this for itself: when one fails, all of them end. Rank 0 (`is_first`) gives
// up and tells.
[[nodiscard]] ExitCode train_with_restarts(CheckpointFlags& flags, bool is_first,
                                           const std::function<ExitCode(int)>& train);

}  // namespace mp::apps
