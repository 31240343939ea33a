// How much of its peak a device reaches, by kind of work and size: what separates the roofline from what is measured.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "lib/graph/types.hpp"

namespace mp {

// What bounds an operator's arithmetic, and the traffic of every operator.
enum class WorkClass : std::uint8_t {
  kVector,       // arithmetic element by element; sums
  kMatmul,       // matrix products
  kConvolution,  // convolutions and their gradients
  kAttention,    // fused attention and its gradient
  kMemory,       // bytes moved
};
[[nodiscard]] std::string_view name_of(WorkClass work);  // "vector", "matmul", "convolution", "attention", "memory"

// Fraction of the peak over the size of one execution: FLOPs, or bytes moved for kMemory. Between two points the
// fraction is linear in the logarithm of the size; before the first and after the last it is theirs.
struct EfficiencyCurve {
  struct Point {
    double size = 0.0;      // > 0, ascending
    double fraction = 0.0;  // of the peak, 0 < fraction ≤ 1
    friend bool operator==(const Point&, const Point&) = default;
  };
  WorkClass work = WorkClass::kVector;
  std::optional<DataType> type;  // nullopt: every element type that has no curve of its own
  std::vector<Point> points;     // at least one
  friend bool operator==(const EfficiencyCurve&, const EfficiencyCurve&) = default;
};

// The fraction that a curve gives for a size ≥ 0.
[[nodiscard]] double fraction_at(const EfficiencyCurve& curve, double size);

// The same of the curve for this work and type, else of the one for every type; 1 where there is none.
[[nodiscard]] double efficiency(const std::vector<EfficiencyCurve>& curves, WorkClass work, DataType type, double size);

}  // namespace mp
