#include "runtime/checkpoint/checkpoint_writer.hpp"

#include <fmt/core.h>

#include <cstddef>
#include <span>
#include <utility>

#include "lib/base/error.hpp"
#include "lib/base/thread_name.hpp"
#include "runtime/checkpoint/checkpoint_folder.hpp"

namespace mp::runtime {

CheckpointWriter::CheckpointWriter(Executor& executor, CheckpointOptions options, std::int64_t step)
    : executor_(executor),
      options_(std::move(options)),
      snapshot_(executor),
      written_(step),
      copied_at_(Clock::now()) {}

CheckpointWriter::~CheckpointWriter() {
  if (writing_.valid()) writing_.wait();  // what it says is of no use to a run that has failed
}

bool CheckpointWriter::is_due(std::int64_t step) const {
  if (options_.every_steps > 0 && step / options_.every_steps > written_ / options_.every_steps) return true;
  return options_.every_s.count() > 0.0 && Clock::now() - copied_at_ >= options_.every_s;
}

bool CheckpointWriter::is_busy() const {
  return writing_.valid() && writing_.wait_for(std::chrono::seconds(0)) != std::future_status::ready;
}

// Rank 0 writes, so it alone knows whether the time has come.
void CheckpointWriter::after_step(std::int64_t step, const Metadata& progress) {
  std::byte starts{0};
  if (executor_.is_first() && !is_busy()) {
    wait();
    if (is_due(step)) starts = std::byte{1};
  }
  if (executor_.ranks() != nullptr) executor_.ranks()->broadcast(0, std::span(&starts, 1));
  if (starts != std::byte{0}) start(step, progress);
}

void CheckpointWriter::finish(std::int64_t step, const Metadata& progress) {
  wait();
  if (step > written_) start(step, progress);
  wait();
}

void CheckpointWriter::wait() {
  if (!writing_.valid()) return;
  try {
    writing_.get();
  } catch (const Error& error) {
    throw RunError(fmt::format("a checkpoint could not be written: {}", error.what()));
  }
}

void CheckpointWriter::start(std::int64_t step, const Metadata& progress) {
  snapshot_.take(executor_, {.step = step, .settings = options_.settings, .progress = progress});
  written_ = step;
  copied_at_ = Clock::now();
  if (!executor_.is_first()) return;
  writing_ = std::async(std::launch::async, [this, step] {
    name_this_thread("checkpoint");
    snapshot_.write(checkpoint_path(options_.folder, step));
    if (options_.on_written) options_.on_written(step);
    remove_old_checkpoints(options_.folder, options_.keep);
  });
}

}  // namespace mp::runtime
