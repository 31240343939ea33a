// Memory over the time of one step, a curve a device.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "lib/program/memory_profile.hpp"

namespace mp {

struct MemoryCurve {
  std::string name;
  std::size_t device = 0;
  std::vector<MemoryPoint> points;  // by time
  std::int64_t arena_bytes = 0;     // what the runtime allocates
  std::int64_t limit_bytes = 0;     // the device's memory; 0: not limited
};

// One chart a curve, all to the same scales; a note says so where `devices` is more than the curves given.
[[nodiscard]] std::string memory_svg(const std::vector<MemoryCurve>& curves, double step_time_s, std::size_t devices);

}  // namespace mp
