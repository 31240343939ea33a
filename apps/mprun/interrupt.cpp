#include "apps/mprun/interrupt.hpp"

#include <csignal>

namespace mp::apps {
namespace {

volatile std::sig_atomic_t interrupted = 0;  // a signal handler can reach nothing else
bool is_agreed = false;                      // there are ranks, and this is what they have agreed on
bool agreed = false;

volatile std::sig_atomic_t kept = 0;

extern "C" void note_interrupt(int /*signal*/) { interrupted = 1; }
extern "C" void keep_interrupt(int signal) { kept = signal; }

}  // namespace

void watch_for_interrupts() {
  struct sigaction action {};
  action.sa_handler = note_interrupt;
  action.sa_flags = static_cast<int>(SA_RESETHAND) | SA_RESTART;
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
