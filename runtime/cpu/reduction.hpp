// Sums over any set of axes, split over the team by the shape alone.
#pragma once

#include <cstdint>
#include <vector>

#include "lib/graph/types.hpp"
#include "runtime/cpu/index.hpp"
#include "runtime/cpu/team.hpp"

namespace mp::runtime::cpu {

// The axes of an attribute as flags, one per axis of the shape; no axes: all of them.
[[nodiscard]] std::vector<bool> reduced_axes(const std::vector<std::int64_t>& axes, std::size_t rank);

// A tensor as two nests: the axes that stay, and those summed over for each element of these.
struct ReductionNests {
  Nest<1> kept;
  Nest<1> reduced;
};
[[nodiscard]] ReductionNests reduction_nests(const Shape& shape, const std::vector<bool>& is_reduced);

// The sum of a float32 tensor over some axes, times `factor`. Carried in float64, rounded once.
class SumReduction {
 public:
  SumReduction(const Shape& shape, const std::vector<bool>& is_reduced, double factor);

  void run(Team& team, const float* x, float* y);
  [[nodiscard]] std::int64_t workspace_bytes() const {
    return static_cast<std::int64_t>(partials_.size() * sizeof(double));
  }

 private:
  // Elements side by side in memory are summed (rows), or lie across the sums (columns: a block of sums at once).
  void sum_rows(const float* x, std::int64_t slice, double* sum) const;
  void sum_columns(const float* x, std::int64_t width, std::int64_t slice, double* sums) const;

  Nest<1> kept_;
  Nest<1> reduced_;
  double factor_;
  bool by_rows_;
  std::int64_t block_;         // kept elements summed together
  std::int64_t blocks_inner_;  // blocks along the innermost kept axis
  std::int64_t kept_blocks_;
  std::int64_t pieces_;           // of the reduced range: chunks of rows, or whole rows
  std::int64_t slices_;           // ranges of pieces whose sums are made apart, then added in order
  std::vector<double> partials_;  // [slice][block][element]
};

}  // namespace mp::runtime::cpu
