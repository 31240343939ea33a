#include "apps/mprun/interrupt.hpp"

#include <time.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <span>

namespace mp::apps {
namespace {

constexpr std::array<int, 3> kSignals{SIGINT, SIGTERM, SIGUSR1};

volatile std::sig_atomic_t interrupted = 0;  // a signal handler can reach nothing else
bool is_agreed = false;                      // there are ranks, and this is what they have agreed on
bool agreed = false;

volatile std::sig_atomic_t kept = 0;

// One Ctrl-C reaches a rank twice: from the terminal, and from the launcher that passes it on.
constexpr std::int64_t kSamePressMs = 1000;
std::atomic<std::int64_t> noted_at_ms{0};
std::atomic<pid_t> launcher{0};
std::atomic<bool> tells{false};
std::atomic<bool> is_terminal{false};
std::atomic<std::int64_t> newest_checkpoint{kNoCheckpoints};
static_assert(std::atomic<std::int64_t>::is_always_lock_free);  // a signal handler may use it

std::int64_t now_ms() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return std::int64_t{now.tv_sec} * 1000 + now.tv_nsec / 1'000'000;
}

void tell(int signal) {
  std::array<char, 257> room{'\n'};  // ends the line of a progress bar
  const std::size_t first = is_terminal ? 0 : 1;
  const std::size_t size = 1 + interrupt_message(signal, newest_checkpoint, std::span(room).subspan(1));
  if (write(STDERR_FILENO, room.data() + first, size - first) < 0) return;  // nobody there to be told
}

extern "C" void note_interrupt(int signal, siginfo_t* info, void* /*context*/) {
  if (signal == SIGCONT && info->si_pid != launcher) return;
  const int before = errno;
  if (interrupted == 0) {
    noted_at_ms = now_ms();
    interrupted = 1;
    if (tells) tell(signal);
  } else if (signal == SIGINT && now_ms() - noted_at_ms > kSamePressMs) {
    std::signal(signal, SIG_DFL);
    raise(signal);  // when this handler is done
  }
  errno = before;
}
extern "C" void keep_interrupt(int signal) { kept = signal; }

// Open MPI up to 4 ends its ranks, at Ctrl-C or when one of them is lost, by SIGCONT, SIGTERM and SIGKILL, with
// odls_base_sigkill_timeout (1 s) between two: heeding the first doubles the time there is. Unless it passes on the
// SIGCONT of a shell's `fg`, too.
bool announces_its_end_by_sigcont() {
  const auto value = [](const char* name) { return std::getenv(name); };  // NOLINT(concurrency-mt-unsafe): not set here
  const char* passes_on = value("OMPI_MCA_orte_forward_job_control");
  const bool is_kept = passes_on == nullptr || std::strcmp(passes_on, "0") == 0;
  return value("OMPI_COMM_WORLD_RANK") != nullptr && value("OMPI_MCA_orte_ess_num_procs") != nullptr && is_kept;
}

}  // namespace

void watch_for_interrupts() {
  struct sigaction action {};
  action.sa_sigaction = note_interrupt;
  action.sa_flags = SA_RESTART | SA_SIGINFO;
  for (const int signal : kSignals) sigaction(signal, &action, nullptr);
  if (!announces_its_end_by_sigcont()) return;
  launcher = getppid();
  sigaction(SIGCONT, &action, nullptr);
}

void tell_of_interrupts(std::int64_t kept_step) {
  newest_checkpoint = kept_step;
  is_terminal = isatty(STDERR_FILENO) != 0;
  tells = true;
}

void note_checkpoint(std::int64_t step) { newest_checkpoint = step; }

// Without SA_RESTART: waitpid returns.
void keep_interrupts() {
  struct sigaction action {};
  action.sa_handler = keep_interrupt;
  for (const int signal : kSignals) sigaction(signal, &action, nullptr);
}

void forget_interrupts() {
  for (const int signal : kSignals) std::signal(signal, SIG_DFL);
}

int kept_interrupt() { return kept; }

bool was_interrupted() { return is_agreed ? agreed : interrupted != 0; }

void agree_on_interrupts(runtime::RankGroup* ranks) {
  if (ranks == nullptr) return;
  is_agreed = true;
  agreed = ranks->any(interrupted != 0);
}

}  // namespace mp::apps
