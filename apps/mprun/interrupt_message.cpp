#include "apps/mprun/interrupt_message.hpp"

#include <algorithm>
#include <charconv>
#include <csignal>
#include <string_view>

namespace mp::apps {
namespace {

std::string_view cause(int signal) noexcept {
  switch (signal) {
    case SIGINT:
      return "Ctrl-C: the training ends after this step (once more: at once); ";
    case SIGTERM:
      return "SIGTERM: the training ends after this step; ";
    case SIGUSR1:
      return "SIGUSR1: the training ends after this step; ";
    default:
      return "mpirun is about to end its ranks: the training ends after this step; ";
  }
}

// Nothing here allocates: memory may be just being allocated where the signal arrives.
class Text {
 public:
  explicit Text(std::span<char> room) noexcept : room_(room) {}
  void add(std::string_view text) noexcept {
    const std::size_t count = std::min(text.size(), room_.size() - size_);
    std::copy_n(text.begin(), count, room_.begin() + static_cast<std::ptrdiff_t>(size_));
    size_ += count;
  }
  void add(std::int64_t number) noexcept {
    const auto [end, error] = std::to_chars(room_.data() + size_, room_.data() + room_.size(), number);
    if (error == std::errc()) size_ = static_cast<std::size_t>(end - room_.data());
  }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }

 private:
  std::span<char> room_;
  std::size_t size_ = 0;
};

}  // namespace

std::size_t interrupt_message(int signal, std::int64_t kept_step, std::span<char> room) noexcept {
  Text text(room);
  text.add(cause(signal));
  if (kept_step > 0) {
    text.add("kept until then: the checkpoint of step ");
    text.add(kept_step);
  } else {
    text.add(kept_step == kNoCheckpoints ? "no checkpoint is kept without --checkpoint-dir"
                                         : "there is no checkpoint until then");
  }
  text.add("\n");
  return text.size();
}

}  // namespace mp::apps
