#include "apps/mpplan/graph_progress.hpp"

#include <fmt/core.h>

#include <cstdio>
#include <filesystem>
#include <system_error>

#include "apps/common/table.hpp"

namespace mp::apps {
namespace {

constexpr std::uintmax_t kLargeFileBytes = 20'000'000;

}  // namespace

GraphProgress::GraphProgress(const std::string& path) {
  std::error_code unreadable;  // whoever reads the file next says so
  const std::uintmax_t bytes = std::filesystem::file_size(path, unreadable);
  shown_ = !unreadable && bytes >= kLargeFileBytes;
}

void GraphProgress::say(std::string_view phase) {
  const std::scoped_lock lock(mutex_);
  if (shown_) print(std::string(phase));
}

void GraphProgress::say(std::string_view phase, std::int32_t vertices, partition::Weight cut) {
  if (!shown_) return;
  const std::scoped_lock lock(mutex_);
  const auto now = std::chrono::steady_clock::now();
  if (phase == phase_ && now - last_ < std::chrono::seconds(1)) return;
  phase_ = phase;
  last_ = now;
  std::string text = fmt::format("{}: {} vertices", phase, count_text(vertices));
  if (cut > 0) text += fmt::format(", cut {}", count_text(cut));
  print(text);
}

void GraphProgress::print(const std::string& text) {
  const std::chrono::duration<double> passed = std::chrono::steady_clock::now() - start_;
  fmt::print(stderr, "{:7.1f} s  {}\n", passed.count(), text);
}

}  // namespace mp::apps
