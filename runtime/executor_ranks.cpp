// What an executor does together with those of other ranks.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <span>
#include <vector>

#include "lib/base/check.hpp"
#include "runtime/executor.hpp"

namespace mp::runtime {

void Executor::write(TensorId parameter, std::span<const std::byte> values) {
  if (ranks_ == nullptr) return write_alike(parameter, values);
  if (ranks_->is_first()) {
    ranks_->send_to_all(values);
    return write_alike(parameter, values);
  }
  std::vector<std::byte> received(static_cast<std::size_t>(bytes(program_.training.graph.tensor(parameter).type)));
  ranks_->broadcast(0, received);
  write_alike(parameter, received);
}

void Executor::read_on_first(TensorId parameter, std::span<std::byte> values) {
  if (ranks_ == nullptr) return read(parameter, values);
  const Place place = places_of(parameter).front();
  const int owner = ranks_->rank_of(place.device);
  std::vector<std::byte> own;
  if (owner == ranks_->rank() && owner != 0) {
    own.resize(static_cast<std::size_t>(bytes(program_.training.graph.tensor(parameter).type)));
    values = own;
  }
  if (owner == ranks_->rank()) read_here(place, values);
  ranks_->move_to_first(owner, values);
}

void Executor::find_results() {
  const std::vector<TensorId>& asked_for = program_.training.fetched;
  loss_ranks_.assign(microbatch_losses_.size(), 0);
  foreign_losses_.resize(microbatch_losses_.size());
  for (const DeviceId device : ids<DeviceId>(program_.devices.size())) {
    const int rank = ranks_->rank_of(device);
    for (const Instruction& instruction : program_.devices[device].instructions) {
      if (instruction.opcode != Opcode::kFetchLoss) continue;
      if (instruction.microbatch < 0) {
        norm_rank_ = rank;
        continue;
      }
      if (std::find(asked_for.begin(), asked_for.end(), instruction.tensor) == asked_for.end()) {
        loss_ranks_[static_cast<std::size_t>(instruction.microbatch)] = rank;
      } else {
        fetched_.push_back(
            {.tensor = instruction.tensor, .microbatch = instruction.microbatch, .rank = rank, .values = {}});
      }
    }
  }
}

void Executor::share_results() {
  share_losses();
  if (gradient_norm()) ranks_->broadcast(norm_rank_, std::as_writable_bytes(std::span(&gradient_norm_, 1)));
  if (observer_) share_fetched();
}

void Executor::keep_fetched() {
  for (Fetched& fetched : fetched_) {
    fetched.values.resize(static_cast<std::size_t>(bytes(program_.training.graph.tensor(fetched.tensor).type)));
  }
  keeper_ = [this](TensorId tensor, std::int32_t microbatch, std::span<const std::byte> values) {
    const auto place = std::find_if(fetched_.begin(), fetched_.end(), [&](const Fetched& fetched) {
      return fetched.tensor == tensor && fetched.microbatch == microbatch;
    });
    MP_CHECK(place != fetched_.end());
    std::copy(values.begin(), values.end(), place->values.begin());
  };
  on_devices([&](std::size_t d) { workers_[d]->hand_fetched_to(observer_ ? &keeper_ : nullptr); });
}

void Executor::share_fetched() {
  for (Fetched& fetched : fetched_) {
    ranks_->broadcast(fetched.rank, fetched.values);
    observer_(fetched.tensor, fetched.microbatch, fetched.values);
  }
}

// All ranks combine the same numbers in the same order.
void Executor::share_losses() {
  for (int rank = 1; rank < ranks_->size(); ++rank) {
    if (std::find(loss_ranks_.begin(), loss_ranks_.end(), rank) == loss_ranks_.end()) continue;
    std::vector<float>& moved = ranks_->rank() == rank ? microbatch_losses_ : foreign_losses_;
    ranks_->move_to_first(rank, std::as_writable_bytes(std::span(moved)));
    if (!ranks_->is_first()) continue;
    for (std::size_t m = 0; m < loss_ranks_.size(); ++m) {
      if (loss_ranks_[m] == rank) microbatch_losses_[m] = foreign_losses_[m];
    }
  }
  ranks_->broadcast(0, std::as_writable_bytes(std::span(microbatch_losses_)));
}

void Executor::share_memory_use() {
  for (int rank = 0; rank < ranks_->size(); ++rank) {
    const DeviceShare share = share_of(rank, ranks_->size(), program_.devices.size());
    const std::span part = std::span(memory_).subspan(share.first, share.last - share.first);
    ranks_->broadcast(rank, std::as_writable_bytes(part));
  }
}

// The clocks of two ranks differ by what one shows halfway between a question and its answer on the other. On one host
// they are the same clock.
void Executor::gather_times() {
  using Clock = std::chrono::steady_clock;
  if (ranks_ == nullptr) return;
  for (int rank = 1; rank < ranks_->size(); ++rank) {
    std::byte question{};
    const Clock::time_point asked = Clock::now();
    ranks_->move_from_first(rank, std::span(&question, 1));
    std::int64_t there = Clock::now().time_since_epoch().count();
    ranks_->move_to_first(rank, std::as_writable_bytes(std::span(&there, 1)));
    const Clock::duration halfway = (Clock::now() - asked) / 2;
    const bool is_same_host = ranks_->place(rank).host == ranks_->place(0).host;
    const Clock::duration ahead =
        is_same_host ? Clock::duration(0) : Clock::duration(there) - (asked + halfway).time_since_epoch();
    const DeviceShare share = share_of(rank, ranks_->size(), program_.devices.size());
    for (std::size_t d = share.first; d < share.last; ++d) {
      std::vector<InstructionTime>& times = times_[make_id<DeviceId>(d)];
      times.resize(program_.devices[make_id<DeviceId>(d)].instructions.size());
      ranks_->move_to_first(rank, std::as_writable_bytes(std::span(times)));
      if (!ranks_->is_first()) continue;
      for (InstructionTime& time : times) {
        time.start -= ahead;
        time.end -= ahead;
      }
    }
  }
}

}  // namespace mp::runtime
