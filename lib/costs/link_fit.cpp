#include "lib/costs/link_fit.hpp"

#include <algorithm>

#include "lib/base/check.hpp"

namespace mp {

// Minimises Σ ((a + b·n − t) / t)² over a and b: the normal equations of a weighted line, weights 1 / t².
Link fitted_link(std::span<const LinkSample> samples) {
  MP_CHECK(samples.size() >= 2);
  double weights = 0.0;
  double sizes = 0.0;
  double squares = 0.0;
  double times = 0.0;
  double products = 0.0;
  for (const LinkSample& sample : samples) {
    const double weight = 1.0 / (sample.seconds * sample.seconds);
    const double size = static_cast<double>(sample.size_bytes);
    weights += weight;
    sizes += weight * size;
    squares += weight * size * size;
    times += weight * sample.seconds;
    products += weight * size * sample.seconds;
  }
  const double determinant = weights * squares - sizes * sizes;
  MP_CHECK(determinant > 0.0);
  double latency_s = (times * squares - sizes * products) / determinant;
  double seconds_per_byte = (weights * products - sizes * times) / determinant;
  if (latency_s < 0.0) {
    latency_s = 0.0;
    seconds_per_byte = products / squares;
  }
  if (seconds_per_byte <= 0.0) {
    const auto largest = std::max_element(samples.begin(), samples.end(), [](const LinkSample& a, const LinkSample& b) {
      return a.size_bytes < b.size_bytes;
    });
    return {.latency_s = 0.0, .bandwidth_bytes_per_s = static_cast<double>(largest->size_bytes) / largest->seconds};
  }
  return {.latency_s = latency_s, .bandwidth_bytes_per_s = 1.0 / seconds_per_byte};
}

}  // namespace mp
