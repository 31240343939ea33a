// Inputs of samples, in short.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "tests/runtime/cpu/support/samples.hpp"

namespace mp::runtime::testing {

using Fill = SampleInput::Fill;
using Ints = std::vector<std::int64_t>;

inline SampleInput normal(Shape shape) { return {.shape = std::move(shape)}; }
inline SampleInput fixed(Shape shape, Fill fill = Fill::kNormal) {
  return {.shape = std::move(shape), .fill = fill, .trainable = false};
}
inline SampleInput positive(Shape shape) { return {.shape = std::move(shape), .fill = Fill::kPositive}; }
inline SampleInput probability(Shape shape) { return {.shape = std::move(shape), .fill = Fill::kProbability}; }
inline SampleInput indices(Shape shape, std::int64_t low, std::int64_t high) {
  return {.shape = std::move(shape), .fill = Fill::kIndices, .low = low, .high = high};
}
inline SampleInput absent() { return {.shape = {}, .fill = Fill::kAbsent}; }
inline std::string text(const char* value) { return value; }

}  // namespace mp::runtime::testing
