// mprun launch: several ranks on this machine, without MPI.
#include <fmt/core.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "apps/mprun/commands.hpp"
#include "apps/mprun/interrupt.hpp"
#include "apps/mprun/rank_start.hpp"
#include "lib/base/error.hpp"

namespace mp::apps {
namespace {

constexpr std::chrono::seconds kGrace{15};  // for the other ranks, once one has ended badly

struct LaunchFlags {
  int ranks = 2;
  std::vector<std::string> command;
};

// The variables of one rank, in the way of torchrun.
void set_variables(int rank, const LaunchFlags& flags, const runtime::Socket& listener) {
  const auto set = [](const char* name, const std::string& value) {
    setenv(name, value.c_str(), 1);  // NOLINT(concurrency-mt-unsafe): this process has one thread
  };
  set("RANK", std::to_string(rank));
  set("WORLD_SIZE", std::to_string(flags.ranks));
  set("LOCAL_RANK", std::to_string(rank));
  set("MASTER_ADDR", "127.0.0.1");
  set("MASTER_PORT", std::to_string(runtime::port_of(listener)));
  if (rank > 0) set(kLaunchedVariable, "1");
  if (rank == 0) set(kListenerVariable, std::to_string(dup(listener.descriptor())));  // without close-on-exec
  for (const char* name : {"OMPI_COMM_WORLD_RANK", "PMI_RANK", "SLURM_PROCID"}) {
    unsetenv(name);  // NOLINT(concurrency-mt-unsafe)
  }
}

[[noreturn]] void be_rank(int rank, const LaunchFlags& flags, const runtime::Socket& listener, pid_t launcher) {
  prctl(PR_SET_PDEATHSIG, SIGTERM);  // nobody trains on unwatched
  if (getppid() != launcher) _exit(static_cast<int>(ExitCode::kRunFailed));
  set_variables(rank, flags, listener);
  std::vector<char*> arguments{const_cast<char*>("mprun")};
  for (const std::string& word : flags.command) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  execv("/proc/self/exe", arguments.data());
  fmt::print(stderr, "mprun launch: cannot start rank {}: {}\n", rank, std::strerror(errno));
  std::fflush(nullptr);
  _exit(static_cast<int>(ExitCode::kRunFailed));
}

class Ranks {
 public:
  explicit Ranks(std::size_t count) : pids_(count, -1) {}

  void start(std::size_t rank, const LaunchFlags& flags, const runtime::Socket& listener) {
    std::fflush(nullptr);
    const pid_t launcher = getpid();
    const pid_t pid = fork();
    if (pid < 0) {
      signal_all(SIGKILL);
      throw RunError(fmt::format("cannot start rank {}: {}", rank, std::strerror(errno)));
    }
    if (pid == 0) be_rank(static_cast<int>(rank), flags, listener, launcher);
    pids_[rank] = pid;
  }

  void signal_all(int signal) const {
    for (const pid_t pid : pids_) {
      if (pid > 0) kill(pid, signal);
    }
  }

  // The exit code of rank 0, or of the first that failed otherwise; those that linger after a failure are killed.
  ExitCode wait() {
    using Clock = std::chrono::steady_clock;
    Clock::time_point deadline = Clock::time_point::max();
    int code = 0;
    int passed_on = 0;
    for (std::size_t left = pids_.size(); left > 0;) {
      int status = 0;
      const pid_t pid = waitpid(-1, &status, WNOHANG);
      if (kept_interrupt() != passed_on) signal_all(passed_on = kept_interrupt());
      if (pid > 0) {
        const bool is_first = pids_[0] == pid;
        for (pid_t& known : pids_) {
          if (known == pid) known = -1;
        }
        --left;
        const int own = WIFEXITED(status) ? WEXITSTATUS(status) : static_cast<int>(ExitCode::kRunFailed);
        if (own != 0 && deadline == Clock::time_point::max()) deadline = Clock::now() + kGrace;
        if (own != 0 && (code == 0 || (is_first && WIFEXITED(status)))) code = own;
        continue;
      }
      if (Clock::now() > deadline) signal_all(SIGKILL);
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    return static_cast<ExitCode>(code);
  }

 private:
  std::vector<pid_t> pids_;  // −1: ended
};

ExitCode launch(const LaunchFlags& flags) {
  constexpr std::array<std::string_view, 3> kCommands{"train", "eval", "generate"};
  if (flags.command.empty() ||
      std::find(kCommands.begin(), kCommands.end(), flags.command.front()) == kCommands.end()) {
    const std::string given = flags.command.empty() ? "nothing" : "'" + flags.command.front() + "'";
    throw UsageError(
        fmt::format("mprun launch starts ranks of mprun train, eval or generate, not of {}: mprun launch -n {} "
                    "train plan.json …",
                    given, flags.ranks));
  }
  keep_interrupts();
  const runtime::Socket listener = runtime::listen_on(0);
  Ranks ranks(static_cast<std::size_t>(flags.ranks));
  for (int rank = 0; rank < flags.ranks; ++rank) ranks.start(static_cast<std::size_t>(rank), flags, listener);
  return ranks.wait();
}

}  // namespace

void add_launch(CLI::App& app, Action& action) {
  CLI::App* command =
      app.add_subcommand("launch", "Train, score or generate with several processes on this machine, without MPI");
  const auto flags = std::make_shared<LaunchFlags>();
  command->add_option("-n,--ranks", flags->ranks, "Processes; the plan's devices are shared out over them")
      ->required()
      ->check(CLI::Range(1, 4096))
      ->type_name("N");
  command->prefix_command();
  command->footer(
      "Each process is one rank, as under mpirun or srun; a rank that dies ends all of them, or with --max-restarts "
      "starts\n"
      "all of them again from the newest checkpoint.\n"
      "Example:\n"
      "  mprun launch -n 4 train plan.json --steps 100\n");
  command->callback([command, flags, &action] {
    flags->command = command->remaining();
    action = [flags] { return launch(*flags); };
  });
}

}  // namespace mp::apps
