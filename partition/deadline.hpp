// When a search ends with the best it has: at a time, or as soon as it is told to.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <optional>

namespace mp::partition {

class Deadline {
 public:
  using Clock = std::chrono::steady_clock;

  Deadline() = default;                        // never
  Deadline(Clock::time_point at) : at_(at) {}  // NOLINT(google-explicit-constructor): a time is a deadline

  // So many seconds after `begin`, if there is such a limit, or when `stop`, where not null, becomes true.
  Deadline(Clock::time_point begin, std::optional<double> seconds, const std::atomic<bool>* stop = nullptr)
      : stop_(stop) {
    constexpr double kLongest = 1e9;  // what a clock's ticks hold; nobody waits longer
    if (seconds) {
      at_ = begin +
            std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(std::min(*seconds, kLongest)));
    }
  }

  [[nodiscard]] bool passed() const {
    return (stop_ != nullptr && stop_->load(std::memory_order_relaxed)) || (at_ && Clock::now() >= *at_);
  }

 private:
  std::optional<Clock::time_point> at_{};
  const std::atomic<bool>* stop_ = nullptr;
};

}  // namespace mp::partition
