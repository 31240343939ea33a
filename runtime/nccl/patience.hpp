// How long NCCL may take to connect two devices.
#pragma once

#include <chrono>

namespace mp::runtime {

// As a first step may take.
constexpr std::chrono::milliseconds kNcclPatience{600'000};

}  // namespace mp::runtime
