// Which parameters a device fetches together from their owners, and when (ZeRO 3).
#pragma once

#include <cstdint>
#include <vector>

#include "lib/base/ids.hpp"
#include "lib/graph/graph.hpp"

namespace mp {

// What one node on one microbatch reads that its device does not keep.
struct FetchedReads {
  DeviceId device = kNone<DeviceId>;
  std::vector<TensorId> parameters;  // each once
};

// Parameters that a device fetches together.
struct FetchWindow {
  std::vector<TensorId> parameters;  // in the order of their first reads
  std::int64_t size_bytes = 0;
};

struct FetchPlan {
  IdVector<DeviceId, std::vector<FetchWindow>> windows;  // in order
  std::vector<std::int32_t> opens;                       // beside the reads: the window that begins there; −1: none
};

// A device holds what it fetched in the window it works on and in the one before; the rest is dropped, and comes again
// where it is read again. So it never holds more than two windows, which are of `most_bytes` each, or what one node
// reads where that is more; and it fetches nothing twice that two windows can hold. `reads` in the order of the
// program.
[[nodiscard]] FetchPlan plan_fetches(const Graph& graph, const std::vector<FetchedReads>& reads,
                                     const IdVector<DeviceId, std::int64_t>& most_bytes);

}  // namespace mp
