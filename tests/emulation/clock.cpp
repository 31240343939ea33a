#include "tests/emulation/clock.hpp"

#include <array>
#include <atomic>
#include <cstddef>

namespace mp::emulation {
namespace {

constexpr std::size_t kMostDevices = 64;

std::atomic<std::int64_t>& clock_of(int device) {
  static std::array<std::atomic<std::int64_t>, kMostDevices> clocks{};
  return clocks.at(static_cast<std::size_t>(device));
}

}  // namespace

void spend(int device, std::int64_t microseconds) {
  clock_of(device).fetch_add(microseconds, std::memory_order_relaxed);
}

std::int64_t spent_us(int device) { return clock_of(device).load(std::memory_order_relaxed); }

}  // namespace mp::emulation
