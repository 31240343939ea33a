// Ctrl-C: the first asks to stop after the step, the second ends the program at once.
#pragma once

namespace mp::apps {

// From now on SIGINT and SIGTERM are noted, each once; the next of its kind kills as usual.
void watch_for_interrupts();
[[nodiscard]] bool was_interrupted();

}  // namespace mp::apps
