#include "apps/mprun/progress.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace mp::apps {
namespace {

constexpr std::int64_t kPlainLines = 20;  // in a whole run
constexpr std::int64_t kBarWidth = 24;
constexpr std::chrono::milliseconds kRedrawInterval{100};

}  // namespace

std::string progress_text(const runtime::StepReport& report, double seconds_left) {
  const auto left = static_cast<std::int64_t>(std::ceil(seconds_left));
  const std::string eta = left >= 3600 ? fmt::format("{}:{:02}:{:02}", left / 3600, left / 60 % 60, left % 60)
                                       : fmt::format("{}:{:02}", left / 60, left % 60);
  const int digits = report.samples_per_s < 100.0 ? 1 : 0;
  return fmt::format("step {}/{}  loss {:.4f}  {:.{}f} samples/s  ETA {}", report.step, report.steps, report.loss,
                     report.samples_per_s, digits, eta);
}

void Progress::show(const runtime::StepReport& report) {
  const double elapsed = std::chrono::duration<double>(Clock::now() - start_).count();
  const auto done = static_cast<double>(report.step);
  const std::string text = progress_text(report, elapsed / done * (static_cast<double>(report.steps) - done));
  if (is_terminal_) return redraw(report, text);
  const std::int64_t every = std::max<std::int64_t>(1, report.steps / kPlainLines);
  if (report.step == 1 || report.step % every == 0 || report.step == report.steps) fmt::print(stderr, "{}\n", text);
}

void Progress::redraw(const runtime::StepReport& report, const std::string& text) {
  const Clock::time_point now = Clock::now();
  if (is_drawn_ && now - last_drawn_ < kRedrawInterval && report.step != report.steps) return;
  const auto filled = static_cast<std::size_t>(kBarWidth * report.step / report.steps);
  fmt::print(stderr, "\r[{:<{}}] {}\x1b[K", std::string(filled, '='), kBarWidth, text);
  std::fflush(stderr);
  is_drawn_ = true;
  last_drawn_ = now;
}

void Progress::finish() {
  if (is_drawn_) fmt::print(stderr, "\n");
  is_drawn_ = false;
}

}  // namespace mp::apps
