// Latency and bandwidth between the devices of this machine, as their transport has them.
#pragma once

#include <cstddef>
#include <vector>

#include "lib/cluster/cluster.hpp"
#include "runtime/executor.hpp"

namespace mp::runtime {

// Sends messages of several sizes over every ordered pair of `devices` devices, one pair at a time, to a receiver that
// waits for them, and fits latency and bandwidth to the median times. Result: as Cluster::matrix. Throws RunError.
[[nodiscard]] std::vector<Link> measure_links(std::size_t devices, const BackendFactory& backends);

}  // namespace mp::runtime
