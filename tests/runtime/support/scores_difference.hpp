// How far scores of a language model are apart.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>

#include "tests/support/catch.hpp"

namespace mp::runtime::test {

// The largest difference, relative to the largest score of b.
inline double difference(std::span<const float> a, std::span<const float> b) {
  REQUIRE(a.size() == b.size());
  double largest = 0.0;
  double worst = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    largest = std::max(largest, std::abs(static_cast<double>(b[i])));
    worst = std::max(worst, std::abs(static_cast<double>(a[i]) - static_cast<double>(b[i])));
  }
  return worst / largest;
}

}  // namespace mp::runtime::test
