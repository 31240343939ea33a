// Latency and bandwidth between the devices of this machine, as their transport has them.
#pragma once

#include <cstddef>
#include <vector>

#include "lib/cluster/cluster.hpp"
#include "lib/costs/wake_ups.hpp"
#include "runtime/executor.hpp"

namespace mp::runtime {

struct MeasuredLinks {
  std::vector<Link> links;       // as Cluster::matrix
  std::vector<WakeUp> wake_ups;  // ascending
};

// Sends messages of several sizes over every ordered pair of `devices` devices, one pair at a time, to a receiver that
// watches for them, and fits latency and bandwidth to the median times. What is sent was written just before, as it is
// in training. Then small messages to receivers that have waited for longer and longer: what waking them up takes, of
// them and of the sender. Empty for one device. Throws RunError.
[[nodiscard]] MeasuredLinks measure_links(std::size_t devices, const BackendFactory& backends);

}  // namespace mp::runtime
