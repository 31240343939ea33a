// What really ran, when, on which device: laid out as the simulator's timeline is.
#pragma once

#include "lib/cluster/cluster.hpp"
#include "lib/program/trace.hpp"
#include "runtime/executor.hpp"

namespace mp::runtime {

// The last step of an executor that records times (record_times), from its first instruction on. Tracks and names of
// spans are those of trace_of() for the same program and cluster: the work of each device on its track, each message on
// that of its link, from when it was sent and its receiver had come to it until it was there.
[[nodiscard]] Trace measured_trace(const Executor& executor, const Cluster& cluster);

}  // namespace mp::runtime
