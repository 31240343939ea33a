// Ctrl-C and its like: the first asks to stop after the step, a second Ctrl-C ends the program at once.
#pragma once

#include <cstdint>

#include "apps/mprun/interrupt_message.hpp"
#include "runtime/ranks/rank_group.hpp"

namespace mp::apps {

// From now on SIGINT, SIGTERM and SIGUSR1 are noted, and what Open MPI's mpirun sends its ranks a second before
// SIGTERM. A later SIGINT kills as usual, unless it comes within a second and so belongs to the first; the others are
// sent by programs, again and again as their time runs out.
void watch_for_interrupts();
// From now on the first of them is answered at once, on standard error: see interrupt_message(). `kept_step` as there.
void tell_of_interrupts(std::int64_t kept_step);
// A checkpoint is on disk. From any thread.
void note_checkpoint(std::int64_t step);
// Of ranks: whether one of them was, as of the last agreement, so that all give the same answer.
[[nodiscard]] bool was_interrupted();
// In a process that only watches others: from now on the signals are kept for it to pass on, and interrupt its waits.
void keep_interrupts();
// In a child of such a process: the signals kill as usual.
void forget_interrupts();
// The last signal kept; 0: none.
[[nodiscard]] int kept_interrupt();
// Collective; nothing where `ranks` is null.
void agree_on_interrupts(runtime::RankGroup* ranks);

}  // namespace mp::apps
