// Before the ranks of a run meet: who this process is, and where the others will be found.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "apps/common/command_line.hpp"
#include "runtime/mpi/mpi_session.hpp"
#include "runtime/ranks/meeting.hpp"
#include "runtime/ranks/rank_environment.hpp"

namespace mp::apps {

struct RankFlags {
  std::string transport = "auto";
  double timeout_s = 8.0;    // silence after which a connection counts as cut
  double patience_s = 60.0;  // for the others to start
};

void add_rank_flags(CLI::App& command, RankFlags& flags);

struct RankStart {
  runtime::RankEnvironment environment;
  runtime::MeetingPlace place;                // but for `listener`
  std::unique_ptr<runtime::Socket> listener;  // rank 0
  std::unique_ptr<runtime::MpiSession> mpi;   // null: messages go by TCP
};

// For runs that are started again: MPI cannot be started twice, so it serves to find the others alone, and messages go
// by TCP.
enum class Restarts : std::uint8_t { kNo, kYes };

// Nothing for a process alone. Throws UsageError, RunError.
[[nodiscard]] std::optional<RankStart> prepare_ranks(const RankFlags& flags, Restarts restarts);

// For commands of one process: throws UsageError on rank 0 where a launcher has started several; true on the others.
[[nodiscard]] bool refuse_ranks();

// The variable by which `mprun launch` hands an open listener down: the descriptor's number.
inline constexpr const char* kListenerVariable = "MPRUN_LISTENER";

// Whether `mprun launch` has started this process beside a rank 0 with the same command line, which tells what is wrong
// with it; and the variable by which it says so.
[[nodiscard]] bool is_launched_beside_another();
inline constexpr const char* kLaunchedVariable = "MPRUN_LAUNCHED";

}  // namespace mp::apps
