// Seconds that nodes and moves took on a device of this kind, from a profile (mprun profile).
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace mp {

struct MeasuredTime {
  double alone_s = 0.0;    // while the other devices were idle
  double crowded_s = 0.0;  // while all of the profile's devices were at work
  friend bool operator==(const MeasuredTime&, const MeasuredTime&) = default;
};

struct MeasuredTimes {
  std::int32_t devices = 1;                                // at work when crowded_s was measured
  std::map<std::string, MeasuredTime, std::less<>> times;  // by signature (lib/costs/signature.hpp)

  // With `active` ≥ 1 devices of the host at work, this one among them: linear in their number, as devices that share
  // cores or memory slow each other down. nullopt: not measured.
  [[nodiscard]] std::optional<double> seconds(std::string_view signature, std::int32_t active) const {
    const auto found = times.find(signature);
    if (found == times.end()) return std::nullopt;
    const MeasuredTime& time = found->second;
    if (active <= 1 || devices <= 1) return time.alone_s;
    return time.alone_s + (time.crowded_s - time.alone_s) * (active - 1) / (devices - 1);
  }
  friend bool operator==(const MeasuredTimes&, const MeasuredTimes&) = default;
};

}  // namespace mp
