// What really ran, when, on which device: laid out as the simulator's timeline is.
#pragma once

#include "lib/program/trace.hpp"
#include "runtime/executor.hpp"

namespace mp::runtime {

// The last step of an executor that records times (record_times), from its first instruction on; a track per device.
// Waiting for a message is part of its receive.
[[nodiscard]] Trace measured_trace(const Executor& executor);

}  // namespace mp::runtime
