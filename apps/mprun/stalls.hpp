// --stall-timeout: what mprun does about a run that does not go on.
#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "apps/common/command_line.hpp"
#include "apps/common/run_main.hpp"
#include "apps/mprun/ranks.hpp"
#include "runtime/stall/stall_watch.hpp"

namespace mp::apps {

void add_stall_flag(CLI::App& command, std::optional<double>& timeout_s);

// Null where the flag is 0: never.
[[nodiscard]] std::unique_ptr<runtime::StallWatch> watch_for_stalls(std::optional<double> timeout_s,
                                                                    runtime::RankGroup* ranks);

// Runs `run`. What ends it in a process alone with Aborted becomes a RunError with the watch's reason.
[[nodiscard]] ExitCode explain_stall(const std::unique_ptr<runtime::StallWatch>& watch,
                                     const std::function<ExitCode()>& run);

// On ranks where a launcher has started several, else in a process alone: `run` is given null for what there is not.
// Nothing is started again.
[[nodiscard]] ExitCode run_watched(const RankFlags& ranks, std::optional<double> stall_timeout_s,
                                   const std::function<ExitCode(RankRun*, runtime::StallWatch*)>& run);

}  // namespace mp::apps
