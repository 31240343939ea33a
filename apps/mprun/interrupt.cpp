#include "apps/mprun/interrupt.hpp"

#include <time.h>

#include <atomic>
#include <csignal>
#include <cstdint>

namespace mp::apps {
namespace {

volatile std::sig_atomic_t interrupted = 0;  // a signal handler can reach nothing else
bool is_agreed = false;                      // there are ranks, and this is what they have agreed on
bool agreed = false;

volatile std::sig_atomic_t kept = 0;

// One Ctrl-C reaches a rank twice: from the terminal, and from the launcher that passes it on.
constexpr std::int64_t kSamePressMs = 1000;
std::atomic<std::int64_t> noted_at_ms{0};
static_assert(std::atomic<std::int64_t>::is_always_lock_free);  // a signal handler may use it

extern "C" void note_interrupt(int signal) {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  const std::int64_t now_ms = std::int64_t{now.tv_sec} * 1000 + now.tv_nsec / 1'000'000;
  if (interrupted == 0) {
    noted_at_ms = now_ms;
    interrupted = 1;
  } else if (now_ms - noted_at_ms > kSamePressMs) {
    std::signal(signal, SIG_DFL);
    raise(signal);  // when this handler is done
  }
}
extern "C" void keep_interrupt(int signal) { kept = signal; }

}  // namespace

void watch_for_interrupts() {
  struct sigaction action {};
  action.sa_handler = note_interrupt;
  action.sa_flags = SA_RESTART;
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

// Without SA_RESTART: waitpid returns.
void keep_interrupts() {
  struct sigaction action {};
  action.sa_handler = keep_interrupt;
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

int kept_interrupt() { return kept; }

bool was_interrupted() { return is_agreed ? agreed : interrupted != 0; }

void agree_on_interrupts(runtime::RankGroup* ranks) {
  if (ranks == nullptr) return;
  is_agreed = true;
  agreed = ranks->any(interrupted != 0);
}

}  // namespace mp::apps
