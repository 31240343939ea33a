// Running an action as one rank of several: one message and the same exit code for all, whatever goes wrong where.
#pragma once

#include <functional>
#include <optional>

#include "apps/common/run_main.hpp"
#include "apps/mprun/backend_flags.hpp"
#include "apps/mprun/rank_start.hpp"
#include "lib/files/safetensors.hpp"
#include "lib/program/program.hpp"
#include "runtime/ranks/rank_group.hpp"

namespace mp::apps {

// The ranks of a run that have met.
class RankRun {
 public:
  explicit RankRun(runtime::RankGroup& group) : group_(group) {}
  [[nodiscard]] runtime::RankGroup& group() { return group_; }

  // Shares out the program's devices, and returns when every rank has come as far with the same command line, program
  // settings and, where the backend uses it, NCCL. Throws Aborted where they differ or one has failed (with the error
  // of each: settle()).
  void agree(const Program& program, const Metadata& settings, const BackendFlags& backend);
  // Says that this rank failed before it could agree().
  void disagree(ExitCode code, const std::string& text);
  [[nodiscard]] bool has_agreed() const { return has_agreed_; }

 private:
  void settle(const std::string& own);

  runtime::RankGroup& group_;
  bool has_agreed_ = false;
};

// What a process alone gets: a null run.
using RankAction = std::function<ExitCode(RankRun*)>;

// Meets the other ranks and runs the action. On ranks other than the first nothing is printed from then on. An
// exception on one rank becomes a message of one rank and an exit code of all. `generation` counts restarts.
[[nodiscard]] ExitCode run_on_ranks(std::optional<RankStart>& start, const RankFlags& flags, int generation,
                                    const RankAction& action);

}  // namespace mp::apps
