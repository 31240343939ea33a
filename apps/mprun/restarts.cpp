// --max-restarts: a parent that watches over the process that trains.
#include <fmt/core.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>

#include "apps/mprun/checkpointing.hpp"
#include "apps/mprun/interrupt.hpp"
#include "lib/base/error.hpp"
#include "runtime/checkpoint/checkpoint_folder.hpp"

namespace mp::apps {
namespace {

struct End {
  int exit_code = 0;
  int signal = 0;  // that killed it; 0: none
  [[nodiscard]] bool is_failure() const { return signal != 0 || exit_code == static_cast<int>(ExitCode::kRunFailed); }
  [[nodiscard]] std::string text() const {
    return signal != 0 ? fmt::format("was killed by signal {} ({})", signal, strsignal(signal)) : "failed";
  }
};

[[noreturn]] void be_child(int restart, const std::function<ExitCode(int)>& train) {
  forget_interrupts();
  prctl(PR_SET_PDEATHSIG, SIGTERM);  // nobody trains on unwatched
  int code = static_cast<int>(ExitCode::kRunFailed);
  try {
    code = static_cast<int>(train(restart));
  } catch (...) {
    const auto [failure, text] = describe_exception();
    fmt::print(stderr, "mprun: {}\n", text);
    code = static_cast<int>(failure);
  }
  std::fflush(nullptr);
  _exit(code);
}

End run_child(int restart, const std::function<ExitCode(int)>& train) {
  std::fflush(nullptr);
  const pid_t child = fork();
  if (child < 0) throw RunError(fmt::format("cannot start the process that trains: {}", std::strerror(errno)));
  if (child == 0) be_child(restart, train);
  keep_interrupts();
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
    if (kept_interrupt() != 0) kill(child, kept_interrupt());
  }
  if (WIFSIGNALED(status)) return {.exit_code = 0, .signal = WTERMSIG(status)};
  return {.exit_code = WEXITSTATUS(status), .signal = 0};
}

std::int64_t newest_step(const std::string& folder) {
  const auto found = runtime::checkpoints_in(folder);
  return found.empty() ? 0 : found.front().step;
}

}  // namespace

ExitCode train_with_restarts(CheckpointFlags& flags, bool is_first, const std::function<ExitCode(int)>& train) {
  std::int64_t failed_at = -1;
  for (int restart = 0;; ++restart) {
    const End end = run_child(restart, train);
    if (kept_interrupt() != 0) return ExitCode::kInterrupted;
    if (!end.is_failure()) return static_cast<ExitCode>(end.exit_code);
    flags.resume = true;
    if (!is_first) {
      if (restart >= flags.max_restarts) return ExitCode::kRunFailed;
      continue;
    }
    const std::int64_t step = newest_step(*flags.folder);
    if (restart >= flags.max_restarts || (end.signal == 0 && step == failed_at)) {
      throw RunError(fmt::format("the training {}{}; the newest checkpoint is that of step {}", end.text(),
                                 restart >= flags.max_restarts
                                     ? fmt::format(" after {} restart{}", restart, restart == 1 ? "" : "s")
                                     : " again without having come further",
                                 step));
    }
    failed_at = step;
    fmt::print(stderr, "mprun: the training {}: restart {} of {}, from step {}\n", end.text(), restart + 1,
               flags.max_restarts, step);
  }
}

}  // namespace mp::apps
