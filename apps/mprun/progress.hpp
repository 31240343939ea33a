// Progress on standard error: a bar that redraws itself on a terminal, a line now and then elsewhere.
#pragma once

#include <chrono>
#include <string>

#include "runtime/trainer.hpp"

namespace mp::apps {

// "step 120/300  loss 2.3412  1234 samples/s  ETA 0:42"
[[nodiscard]] std::string progress_text(const runtime::StepReport& report, double seconds_left);

class Progress {
 public:
  // `is_terminal`: standard error is one.
  explicit Progress(bool is_terminal) : is_terminal_(is_terminal) {}
  void show(const runtime::StepReport& report);
  // Leaves the bar's line, so that what follows starts on its own.
  void finish();

 private:
  using Clock = std::chrono::steady_clock;
  void redraw(const runtime::StepReport& report, const std::string& text);

  bool is_terminal_;
  bool is_drawn_ = false;
  Clock::time_point start_ = Clock::now();
  Clock::time_point last_drawn_;
};

}  // namespace mp::apps
