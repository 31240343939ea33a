// Writes checkpoints beside training, without stopping it.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <future>
#include <string>

#include "runtime/checkpoint/checkpoint_file.hpp"

namespace mp::runtime {

struct CheckpointOptions {
  std::string folder;                                   // is there
  std::int64_t every_steps = 0;                         // 0: not by steps
  std::chrono::duration<double> every_s{0};             // 0: not by time
  std::int64_t keep = 3;                                // newest to keep, at least 1
  Metadata settings;                                    // RunState::settings
  std::function<void(std::int64_t step)> on_written{};  // on disk; called in the thread that writes
};

// Between two steps the values are copied (that alone holds up training); a thread of its own writes and synchronises
// the file, then removes the oldest. While it is at work no further copy is made: a checkpoint that falls due waits for
// the end of the step in which the last one was finished. Of ranks, rank 0 writes and the others give their values.
class CheckpointWriter {
 public:
  // `step`: steps done before.
  CheckpointWriter(Executor& executor, CheckpointOptions options, std::int64_t step);
  CheckpointWriter(const CheckpointWriter&) = delete;
  CheckpointWriter& operator=(const CheckpointWriter&) = delete;
  ~CheckpointWriter();

  // To be called after every step. Throws RunError when the last file could not be written. `progress`: as RunState's.
  void after_step(std::int64_t step, const Metadata& progress = {});
  // The state after the last step, if it has not been written: waits until it is on disk.
  void finish(std::int64_t step, const Metadata& progress = {});

 private:
  [[nodiscard]] bool is_due(std::int64_t step) const;
  [[nodiscard]] bool is_busy() const;
  void start(std::int64_t step, const Metadata& progress);
  void wait();  // rethrows what went wrong

  using Clock = std::chrono::steady_clock;
  Executor& executor_;
  CheckpointOptions options_;
  Snapshot snapshot_;
  std::int64_t written_;  // the last step copied
  Clock::time_point copied_at_;
  std::future<void> writing_;
};

}  // namespace mp::runtime
