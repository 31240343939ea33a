// Memory over the time of a simulated step.
#pragma once

#include <cstdint>
#include <vector>

#include "lib/program/program.hpp"
#include "lib/program/simulate.hpp"

namespace mp {

struct MemoryPoint {
  double time_s = 0.0;
  std::int64_t bytes = 0;  // live from then until the next point
  friend bool operator==(const MemoryPoint&, const MemoryPoint&) = default;
};

// Bytes of the buffers that hold something the rest of the device's list needs: parameters always; any other buffer
// from the first instruction that names it to the last, a send buffer until its kWaitSend. By time, from 0; a point
// where the bytes change, the highest of those at one time. Never more than the device's arena, which is larger where
// buffers of different sizes follow each other.
[[nodiscard]] std::vector<MemoryPoint> memory_over_time(const Program& program, const Simulation& simulation,
                                                        DeviceId device);

}  // namespace mp
