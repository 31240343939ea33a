// Ctrl-C: the first asks to stop after the step, the second ends the program at once.
#pragma once

#include "runtime/ranks/rank_group.hpp"

namespace mp::apps {

// From now on SIGINT and SIGTERM are noted; the next one kills as usual, unless it comes within a second and so belongs to
// the first.
void watch_for_interrupts();
// Of ranks: whether one of them was, as of the last agreement, so that all give the same answer.
[[nodiscard]] bool was_interrupted();
// In a process that only watches others: from now on the signals are kept for it to pass on, and interrupt its waits.
void keep_interrupts();
// The last signal kept; 0: none.
[[nodiscard]] int kept_interrupt();
// Collective; nothing where `ranks` is null.
void agree_on_interrupts(runtime::RankGroup* ranks);

}  // namespace mp::apps
