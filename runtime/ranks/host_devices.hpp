// Which of its host's devices a device of the plan is.
#pragma once

#include <span>
#include <string>

#include "runtime/executor.hpp"
#include "runtime/ranks/rank_group.hpp"

namespace mp::runtime {

// Its number among those of the same host, from 0, whatever rank has it; `hosts` by device. On two hosts of four GPUs
// each, device 5 of a plan of eight is GPU 1 of the second.
[[nodiscard]] DeviceId device_on_host(std::span<const std::string> hosts, DeviceId device);

// Gives the devices of a plan, which have been shared out, their backends by that number.
[[nodiscard]] BackendFactory on_each_host(const RankGroup& ranks, std::size_t devices, BackendFactory factory);

}  // namespace mp::runtime
