// What the kernels of LayerNormalization and RMSNormalization have in common.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "runtime/cpu/index.hpp"
#include "runtime/cpu/kernel_call.hpp"

namespace mp::runtime::cpu {

// Rows are what lies before the axis, columns what is normalised.
struct NormalizedRows {
  std::int64_t count = 1;
  std::int64_t width = 1;
  [[nodiscard]] std::int64_t grain() const { return std::max<std::int64_t>(1, kElementwiseGrain / 2 / width); }
};

[[nodiscard]] inline NormalizedRows normalized_rows(const KernelCall& call, const Shape& shape) {
  const auto axis = static_cast<std::size_t>(positive_axis(call.attributes().get_int("axis", -1), shape.size()));
  NormalizedRows rows;
  for (std::size_t i = 0; i < shape.size(); ++i) (i < axis ? rows.count : rows.width) *= shape[i];
  return rows;
}

// Sums of columns over all rows, one or several a column: the rows in a number of slices that follows from the shape,
// added in order at the end.
class ColumnSums {
 public:
  ColumnSums(NormalizedRows rows, std::int64_t sums)
      : rows_(rows), sums_(sums), slices_(std::clamp<std::int64_t>(rows.count * rows.width / 65536, 1, 16)) {
    slices_ = std::min(slices_, rows.count);
    values_.resize(static_cast<std::size_t>(slices_ * slice_size()));
  }

  // add(row, to): adds the row to the sums, each of them `width` numbers, one behind the other.
  template <class Add>
  void add_rows(Team& team, const Add& add) {
    team.for_each(slices_, [&](std::int64_t slice, int) {
      double* to = values_.data() + slice * slice_size();
      std::fill_n(to, slice_size(), 0.0);
      for (std::int64_t row = rows_.count * slice / slices_; row < rows_.count * (slice + 1) / slices_; ++row) {
        add(row, to);
      }
    });
  }

  // One of the sums; nothing where `to` is null.
  void write(std::int64_t which, float* to) const {
    if (to == nullptr) return;
    for (std::int64_t i = 0; i < rows_.width; ++i) {
      double total = 0.0;
      for (std::int64_t slice = 0; slice < slices_; ++slice) {
        total += values_[static_cast<std::size_t>(slice * slice_size() + which * rows_.width + i)];
      }
      to[i] = static_cast<float>(total);
    }
  }

  [[nodiscard]] std::int64_t workspace_bytes() const {
    return static_cast<std::int64_t>(values_.size() * sizeof(double));
  }

 private:
  [[nodiscard]] std::int64_t slice_size() const { return sums_ * rows_.width; }

  NormalizedRows rows_;
  std::int64_t sums_;
  std::int64_t slices_;
  std::vector<double> values_;
};

}  // namespace mp::runtime::cpu
