#include "lib/costs/link_fit.hpp"

#include <vector>

#include "tests/support/catch.hpp"

using mp::LinkSample;

TEST_CASE("samples of an ideal link give it back", "[costs]") {
  std::vector<LinkSample> samples;
  for (const std::int64_t size : {1000, 10'000, 1'000'000, 100'000'000}) {
    samples.push_back({size, 5e-6 + static_cast<double>(size) / 2e9});
  }
  const mp::Link link = mp::fitted_link(samples);
  CHECK(link.latency_s == Approx(5e-6));
  CHECK(link.bandwidth_bytes_per_s == Approx(2e9));
}

TEST_CASE("no fit has a negative latency or a bandwidth that is none", "[costs]") {
  const std::vector<LinkSample> convex = {{1000, 1e-6}, {2000, 4e-6}};
  CHECK(mp::fitted_link(convex).latency_s == 0.0);
  CHECK(mp::fitted_link(convex).bandwidth_bytes_per_s > 0.0);
  const std::vector<LinkSample> falling = {{1000, 2e-6}, {2000, 1e-6}};
  CHECK(mp::fitted_link(falling).bandwidth_bytes_per_s == Approx(2e9));
}
