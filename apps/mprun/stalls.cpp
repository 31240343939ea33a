#include "apps/mprun/stalls.hpp"

#include <fmt/core.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <string>

#include "apps/common/checks.hpp"
#include "lib/base/error.hpp"
#include "runtime/transport.hpp"

namespace mp::apps {

void add_stall_flag(CLI::App& command, std::optional<double>& timeout_s) {
  command
      .add_option("--stall-timeout", timeout_s,
                  "Seconds in which no device gets anything done after which the run has failed; 0: wait for ever [20 "
                  "times the slowest of the last steps, at least 60]")
      ->check(between(0, 1e6))
      ->type_name("S")
      ->group("Running");
}

std::unique_ptr<runtime::StallWatch> watch_for_stalls(std::optional<double> timeout_s, runtime::RankGroup* ranks) {
  if (timeout_s && *timeout_s <= 0.0) return nullptr;
  runtime::StallWatchOptions options;
  options.ranks = ranks;
  if (timeout_s) options.limit = std::chrono::milliseconds(static_cast<std::int64_t>(*timeout_s * 1000.0) + 1);
  options.last_resort = [](const std::string& why) {
    fmt::print(stderr, "mprun: {}\n", why);
    std::fflush(stderr);
    _exit(static_cast<int>(ExitCode::kRunFailed));
  };
  return std::make_unique<runtime::StallWatch>(std::move(options));
}

ExitCode explain_stall(const std::unique_ptr<runtime::StallWatch>& watch, const std::function<ExitCode()>& run) {
  try {
    return run();
  } catch (const runtime::Aborted&) {
    if (const auto why = watch ? watch->stall() : std::nullopt) throw RunError(*why);
    throw;
  }
}

ExitCode run_watched(const RankFlags& ranks, std::optional<double> stall_timeout_s,
                     const std::function<ExitCode(RankRun*, runtime::StallWatch*)>& run) {
  std::optional<RankStart> start = prepare_ranks(ranks, Restarts::kNo);
  return run_on_ranks(start, ranks, 0, [&](RankRun* rank) {
    const auto stalls = watch_for_stalls(stall_timeout_s, rank == nullptr ? nullptr : &rank->group());
    return explain_stall(stalls, [&] { return run(rank, stalls.get()); });
  });
}

}  // namespace mp::apps
