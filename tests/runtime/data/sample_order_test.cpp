#include "runtime/data/sample_order.hpp"

#include <algorithm>
#include <cstdlib>
#include <numeric>
#include <vector>

#include "tests/support/catch.hpp"

using mp::runtime::SampleOrder;

namespace {

std::vector<std::int64_t> epoch_of(const SampleOrder& order, std::int64_t epoch) {
  std::vector<std::int64_t> samples;
  for (std::int64_t i = 0; i < order.size(); ++i) samples.push_back(order.at(epoch * order.size() + i));
  return samples;
}

}  // namespace

TEST_CASE("every epoch meets every sample once, in an order of its own") {
  for (const std::int64_t size : {1, 2, 3, 4, 5, 7, 16, 17, 100, 1000, 4097}) {
    const SampleOrder order(3, size);
    std::vector<std::int64_t> first = epoch_of(order, 0);
    std::vector<std::int64_t> second = epoch_of(order, 1);
    CHECK(first == epoch_of(SampleOrder(3, size), 0));
    if (size > 4) CHECK(first != second);
    if (size > 4) CHECK(first != epoch_of(SampleOrder(4, size), 0));
    std::vector<std::int64_t> all(static_cast<std::size_t>(size));
    std::iota(all.begin(), all.end(), 0);
    std::sort(first.begin(), first.end());
    std::sort(second.begin(), second.end());
    CHECK(first == all);
    CHECK(second == all);
  }
}

TEST_CASE("samples are well mixed") {
  // In a random permutation of n the mean of |σ(i) − i| is n/3 and that of |σ(i+1) − σ(i)|, too.
  constexpr std::int64_t kSize = 3000;
  const std::vector<std::int64_t> samples = epoch_of(SampleOrder(1, kSize), 0);
  double moved = 0.0;
  double stepped = 0.0;
  for (std::size_t i = 0; i + 1 < samples.size(); ++i) {
    moved += static_cast<double>(std::abs(samples[i] - static_cast<std::int64_t>(i)));
    stepped += static_cast<double>(std::abs(samples[i + 1] - samples[i]));
  }
  CHECK(moved / kSize == Approx(kSize / 3.0).epsilon(0.05));
  CHECK(stepped / kSize == Approx(kSize / 3.0).epsilon(0.05));
}
