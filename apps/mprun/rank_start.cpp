#include "apps/mprun/rank_start.hpp"

#include <fmt/core.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <random>
#include <sstream>
#include <utility>

#include "apps/common/checks.hpp"
#include "lib/base/error.hpp"

namespace mp::apps {
namespace {

std::chrono::milliseconds milliseconds(double seconds) {
  return std::chrono::milliseconds(static_cast<std::int64_t>(seconds * 1000.0));
}

// "token port host address address …", what rank 0 tells the others of itself through MPI.
std::string as_text(const runtime::MeetingPlace& place) {
  std::string text = fmt::format("{} {} {}", place.token, place.port, runtime::host_name());
  for (const std::string& address : runtime::own_addresses()) text += " " + address;
  return text;
}

void read_text(const std::string& text, runtime::MeetingPlace& place) {
  std::istringstream words(text);
  std::string host;
  words >> place.token >> place.port >> host;
  for (std::string address; words >> address;) place.addresses.push_back(address);
  // On one host the loopback is sure to work.
  if (host == runtime::host_name()) std::reverse(place.addresses.begin(), place.addresses.end());
}

std::uint64_t random_token() {
  std::random_device random;  // against strangers, not for numbers
  return (std::uint64_t{random()} << 32U) | random();
}

std::unique_ptr<runtime::MpiSession> start_checked_mpi(const runtime::RankEnvironment& environment) {
  std::unique_ptr<runtime::MpiSession> mpi = runtime::start_mpi();
  if (mpi->size() != environment.size || mpi->rank() != environment.rank) {
    throw RunError(
        fmt::format("started as rank {} of {} by {}, but MPI says rank {} of {}: the launcher belongs to "
                    "another MPI than the one mprun was built with",
                    environment.rank, environment.size, environment.started_by, mpi->rank(), mpi->size()));
  }
  return mpi;
}

std::string read_all(int descriptor) {
  std::string text;
  std::array<char, 4096> piece{};
  for (ssize_t count = 1; count != 0;) {
    count = read(descriptor, piece.data(), piece.size());
    if (count < 0 && errno != EINTR) break;
    if (count > 0) text.append(piece.data(), static_cast<std::size_t>(count));
  }
  return text;
}

// MPI in a process that ends again: the one that supervises stays free of it.
std::string broadcast_in_child(const runtime::RankEnvironment& environment, const std::string& text) {
  std::array<int, 2> pipe_ends{};
  if (pipe(pipe_ends.data()) != 0) throw RunError(fmt::format("cannot make a pipe: {}", std::strerror(errno)));
  std::fflush(nullptr);
  const pid_t child = fork();
  if (child < 0) throw RunError(fmt::format("cannot start a process: {}", std::strerror(errno)));
  if (child == 0) {
    std::string answer;
    try {
      const std::unique_ptr<runtime::MpiSession> mpi = start_checked_mpi(environment);
      answer = "+" + mpi->broadcast(text);
      mpi->finish();
    } catch (const std::exception& error) {
      answer = std::string("-") + error.what();
    }
    const bool written = write(pipe_ends[1], answer.data(), answer.size()) == static_cast<ssize_t>(answer.size());
    _exit(written ? 0 : 1);
  }
  close(pipe_ends[1]);
  const std::string answer = read_all(pipe_ends[0]);
  close(pipe_ends[0]);
  while (waitpid(child, nullptr, 0) < 0 && errno == EINTR) continue;
  if (answer.empty()) throw RunError("MPI ended the process that looked for the other ranks");
  if (answer[0] != '+') throw RunError(answer.substr(1));
  return answer.substr(1);
}

void meet_by_mpi(RankStart& start, Restarts restarts) {
  const bool is_first = start.environment.rank == 0;
  if (is_first) {
    start.place.token = random_token();
    start.listener = std::make_unique<runtime::Socket>(runtime::listen_on(0));
    start.place.port = runtime::port_of(*start.listener);
  }
  const std::string own = is_first ? as_text(start.place) : "";
  if (restarts == Restarts::kYes) return read_text(broadcast_in_child(start.environment, own), start.place);
  start.mpi = start_checked_mpi(start.environment);
  read_text(start.mpi->broadcast(own), start.place);
}

void meet_at_address(RankStart& start) {
  start.place.addresses = {start.environment.address};
  start.place.port = start.environment.port;
  if (start.environment.rank != 0) return;
  const char* inherited = std::getenv(kListenerVariable);  // NOLINT(concurrency-mt-unsafe): before any thread
  if (inherited == nullptr) {
    start.listener = std::make_unique<runtime::Socket>(runtime::listen_on(start.place.port));
    return;
  }
  int descriptor = -1;
  const auto [end, error] = std::from_chars(inherited, inherited + std::strlen(inherited), descriptor);
  if (error != std::errc() || *end != '\0') {
    throw UsageError(fmt::format("the environment variable {} is '{}': it is set by mprun launch alone",
                                 kListenerVariable, inherited));
  }
  start.listener = std::make_unique<runtime::Socket>(descriptor);
}

}  // namespace

void add_rank_flags(CLI::App& command, RankFlags& flags) {
  const std::string group = "Several ranks (mpirun, srun, mprun launch)";
  command
      .add_option("--transport", flags.transport,
                  "auto, mpi or tcp: how devices of different ranks exchange tensors "
                  "[auto: mpi under an MPI launcher, tcp elsewhere]")
      ->check(CLI::IsMember({"auto", "mpi", "tcp"}))
      ->type_name("NAME")
      ->group(group);
  command
      .add_option("--rank-timeout", flags.timeout_s,
                  "Seconds without a sign of life after which a rank is given up [8]")
      ->check(between(0.5, 86400))
      ->type_name("S")
      ->group(group);
  command.add_option("--start-timeout", flags.patience_s, "Seconds that ranks wait for each other at the start [60]")
      ->check(between(0.5, 86400))
      ->type_name("S")
      ->group(group);
}

std::optional<RankStart> prepare_ranks(const RankFlags& flags, Restarts restarts) {
  const std::optional<runtime::RankEnvironment> environment = runtime::rank_environment();
  const bool has_mpi = environment && environment->launcher == runtime::Launcher::kMpi;
  if (flags.transport == "mpi" && !has_mpi) {
    throw UsageError("--transport mpi needs ranks that an MPI launcher has started: mpirun -n N mprun train …");
  }
  if (flags.transport == "mpi" && restarts == Restarts::kYes) {
    throw UsageError("--max-restarts needs --transport tcp (or auto): MPI cannot be started again in the same ranks");
  }
  if (!environment) return std::nullopt;
  RankStart start;
  start.environment = *environment;
  start.place.rank = environment->rank;
  start.place.size = environment->size;
  start.place.patience = milliseconds(flags.patience_s);
  if (has_mpi) {
    meet_by_mpi(start, restarts);
  } else {
    meet_at_address(start);
  }
  return start;
}

bool is_launched_beside_another() {
  return std::getenv(kLaunchedVariable) != nullptr;  // NOLINT(concurrency-mt-unsafe): before any thread
}

bool refuse_ranks() {
  const std::optional<runtime::RankEnvironment> environment = runtime::rank_environment();
  if (!environment) return false;
  if (environment->rank > 0) return true;
  throw UsageError(
      fmt::format("{} has started {} processes, but of mprun's commands train, eval and generate alone run in several: "
                  "start this one by itself, without {}; a plan's devices are then threads of one process",
                  environment->started_by, environment->size, environment->started_by));
}

}  // namespace mp::apps
