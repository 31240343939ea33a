// Sums in an order that follows from the shape alone, carried in float64: one rounding, at the end. Memory, not
// arithmetic, sets their speed, so the wider sums cost nothing.
#pragma once

#include <cstdint>

namespace mp::runtime::cpu {

[[nodiscard]] double sum(const float* x, std::int64_t count);
[[nodiscard]] double sum_of_squares(const float* x, std::int64_t count);
[[nodiscard]] double dot(const float* x, const float* y, std::int64_t count);
// Σ (x − center)²
[[nodiscard]] double sum_of_square_deviations(const float* x, double center, std::int64_t count);
[[nodiscard]] float maximum(const float* x, std::int64_t count);  // −Inf of nothing; passes over NaN
// sums[i] += x[i]
void add_to(double* sums, const float* x, std::int64_t count);

}  // namespace mp::runtime::cpu
