#include "apps/mprun/interrupt.hpp"

#include <csignal>

namespace mp::apps {
namespace {

volatile std::sig_atomic_t interrupted = 0;  // a signal handler can reach nothing else

extern "C" void note_interrupt(int /*signal*/) { interrupted = 1; }

}  // namespace

void watch_for_interrupts() {
  struct sigaction action {};
  action.sa_handler = note_interrupt;
  action.sa_flags = static_cast<int>(SA_RESETHAND) | SA_RESTART;
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

bool was_interrupted() { return interrupted != 0; }

}  // namespace mp::apps
