#include "apps/mpplan/interrupt.hpp"

#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <string_view>

namespace mp::apps {
namespace {

std::atomic<bool> noted{false};  // a signal handler can reach nothing else
static_assert(std::atomic<bool>::is_always_lock_free);

extern "C" void note_interrupt(int /*signal*/) {
  const int error = errno;
  noted = true;
  constexpr std::string_view kMessage =
      "\nmpplan: interrupted: ends with the best found so far; once more ends at once\n";
  const ssize_t told = write(STDERR_FILENO, kMessage.data(), kMessage.size());
  static_cast<void>(told);  // where it cannot be told, the exit code tells
  errno = error;
}

}  // namespace

void watch_for_interrupts() {
  struct sigaction action {};
  action.sa_handler = note_interrupt;
  action.sa_flags = SA_RESTART | static_cast<int>(SA_RESETHAND);
  sigemptyset(&action.sa_mask);
  sigaddset(&action.sa_mask, SIGINT);
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

const std::atomic<bool>& interrupted() { return noted; }

ExitCode end_of_search() { return noted ? ExitCode::kInterrupted : ExitCode::kGood; }

}  // namespace mp::apps
