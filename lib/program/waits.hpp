// Where a device waits for its sends: as late as memory allows.
#pragma once

#include "lib/program/emit.hpp"
#include "lib/program/program.hpp"

namespace mp {

// Puts the kWaitSend of each message right before the first instruction that writes over its send buffer, or at the end
// of the list. Offsets are assigned; `emission` holds the lists without waits, and the order to be completed.
void place_waits(Emission& emission);

}  // namespace mp
