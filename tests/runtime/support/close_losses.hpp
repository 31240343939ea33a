// Losses that agree within the rounding of a precision.
#pragma once

#include <cstddef>
#include <vector>

#include "lib/plan/plan.hpp"
#include "tests/support/catch.hpp"

namespace mp::runtime::test {

inline void check_close_losses(const std::vector<double>& found, const std::vector<double>& expected,
                               Precision precision) {
  REQUIRE(found.size() == expected.size());
  const double rounding = precision == Precision::kFloat32 ? 1e-4 : 1e-2;
  for (std::size_t step = 0; step < expected.size(); ++step) {
    CHECK(found[step] == Approx(expected[step]).epsilon(rounding));
  }
}

}  // namespace mp::runtime::test
