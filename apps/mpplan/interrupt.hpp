// Ctrl-C in a search: the first ends it with the best found so far, the second ends the program.
#pragma once

#include <atomic>

#include "apps/common/run_main.hpp"

namespace mp::apps {

// From now on the first SIGINT or SIGTERM is noted, and told on standard error.
void watch_for_interrupts();

// Whether there was one: what searches look at.
[[nodiscard]] const std::atomic<bool>& interrupted();

// The exit code of a search that wrote its result.
[[nodiscard]] ExitCode end_of_search();

}  // namespace mp::apps
