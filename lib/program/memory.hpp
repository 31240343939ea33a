// Static memory: from the lifetimes of a device's buffers to their offsets in its arena.
#pragma once

#include <cstdint>
#include <vector>

#include "lib/base/ids.hpp"
#include "lib/program/emit.hpp"
#include "lib/program/program.hpp"

namespace mp {

// Parameters come first, in order; then all others are packed: dynamic storage allocation with known lifetimes, which
// is NP-hard (Garey & Johnson, SR2), by the best of several greedy orders. Sets every offset, arena_bytes (the end of
// the highest buffer) and persistent_bytes. Guarantees: two buffers whose lifetimes meet never overlap; the buffers of
// a bundle lie side by side, each aligned_bytes() behind the one before it.
void assign_offsets(DeviceProgram& program, const IdVector<BufferId, Lifetime>& lifetimes,
                    const std::vector<Bundle>& bundles = {});

// The most bytes needed at any one position, every buffer counted to its alignment: no arena can be smaller.
[[nodiscard]] std::int64_t most_live_bytes(const DeviceProgram& program, const IdVector<BufferId, Lifetime>& lifetimes);

}  // namespace mp
