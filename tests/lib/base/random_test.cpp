#include "lib/base/random.hpp"

#include <array>
#include <cmath>
#include <cstdint>
#include <set>

#include "tests/support/catch.hpp"

using Words = std::array<std::uint32_t, 4>;

// The known answers that the authors of Philox publish with Random123 (philox4x32, 10 rounds).
TEST_CASE("Philox4x32-10 gives the known answers", "[base]") {
  CHECK(mp::philox({0, 0, 0, 0}, {0, 0}) == Words{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
  CHECK(mp::philox({0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}, {0xffffffff, 0xffffffff}) ==
        Words{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
  CHECK(mp::philox({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}) ==
        Words{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
}

TEST_CASE("the normal quantile inverts the normal distribution", "[base]") {
  CHECK(mp::normal_quantile(0.5) == 0.0);
  CHECK(mp::normal_quantile(0.975) == Approx(1.9599639845400536).epsilon(1e-15));
  CHECK(mp::normal_quantile(0.001) == Approx(-3.090232306167813).epsilon(1e-15));
  CHECK(mp::normal_quantile(1e-16) == Approx(-8.222082216130435).epsilon(1e-15));
  for (double p = 0x1p-53; p < 0.5; p *= 1.7) {
    const double x = mp::normal_quantile(p);
    CHECK(0.5 * std::erfc(-x / std::sqrt(2.0)) == Approx(p).epsilon(1e-12));
    CHECK(mp::normal_quantile(1.0 - p) == Approx(-x).epsilon(p < 1e-10 ? 0.02 : 1e-5));
  }
}

TEST_CASE("a stream is a pure function of seed, name, step and position", "[base]") {
  const mp::RandomStream stream(7, "fc1.weight");
  CHECK(stream.bits(5) == mp::RandomStream(7, "fc1.weight").bits(5));
  CHECK(stream.bits(0) == 0xa1a594878e52331cU);  // pinned: files made with one version stay good with the next
  CHECK(stream.normal(0) == 0.33565055833339824);
  std::set<std::uint64_t> seen;
  for (const std::uint64_t seed : {7U, 8U}) {
    for (const char* name : {"fc1.weight", "fc2.weight", ""}) {
      for (const std::uint64_t step : {0U, 1U}) {
        for (std::uint64_t i = 0; i < 100; ++i) seen.insert(mp::RandomStream(seed, name, step).bits(i));
      }
    }
  }
  CHECK(seen.size() == 2 * 3 * 2 * 100);
}

TEST_CASE("uniform and normal numbers have the moments of their distributions", "[base]") {
  constexpr std::uint64_t kCount = 100'000;
  const mp::RandomStream stream(1, "moments");
  double uniform_sum = 0.0;
  double sum = 0.0;
  double squares = 0.0;
  double fourths = 0.0;
  for (std::uint64_t i = 0; i < kCount; ++i) {
    const double u = stream.uniform(i);
    REQUIRE((u >= 0.0 && u < 1.0));
    const double x = stream.normal(i);
    uniform_sum += u;
    sum += x;
    squares += x * x;
    fourths += x * x * x * x;
  }
  const auto n = static_cast<double>(kCount);
  CHECK(uniform_sum / n == Approx(0.5).margin(4 * 0.2887 / std::sqrt(n)));
  CHECK(sum / n == Approx(0.0).margin(4 / std::sqrt(n)));
  CHECK(squares / n == Approx(1.0).margin(4 * std::sqrt(2.0 / n)));
  CHECK(fourths / n == Approx(3.0).margin(4 * std::sqrt(96.0 / n)));
}

TEST_CASE("numbers below a bound are even", "[base]") {
  const mp::RandomStream stream(1, "below");
  std::array<int, 7> counts{};
  for (std::uint64_t i = 0; i < 70'000; ++i) ++counts.at(stream.below(i, 7));
  for (const int count : counts) CHECK(count == Approx(10'000).margin(4 * std::sqrt(10'000.0)));
  CHECK(stream.below(3, 1) == 0);
  constexpr std::uint64_t kLarge = ~std::uint64_t{0};
  CHECK(stream.below(3, kLarge) == stream.bits(3) - 1);
}
