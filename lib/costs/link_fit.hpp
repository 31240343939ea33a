// A link's latency and bandwidth out of measured messages.
#pragma once

#include <cstdint>
#include <span>

#include "lib/cluster/cluster.hpp"

namespace mp {

struct LinkSample {
  std::int64_t size_bytes = 0;
  double seconds = 0.0;  // > 0
};

// Least squares of the relative errors of latency + size / bandwidth; the latency is at least 0. At least two samples,
// of different sizes; where larger messages took no longer, the bandwidth is that of the largest.
[[nodiscard]] Link fitted_link(std::span<const LinkSample> samples);

}  // namespace mp
