// All gradients of a layer or RMS normalization in one pass over its rows.
#pragma once

#include <cstdint>

#include "runtime/gpu/packs.hpp"
#include "runtime/gpu/portable.hpp"

namespace mp::runtime::gpu {

// Rows that a group has in registers: a pack to each thread of the largest.
inline constexpr std::int64_t kWidestFusedRow = 4096;

// A group to each slice of the rows: dX (and what is added to it) of every row, and the slice's share of the weights'
// gradients, which each thread keeps for the columns that are its own. Rows of whole packs, all aligned. dX may lie
// where dY, X or what is added do.
struct NormalizeGradientSlice {
  std::int64_t rows;
  std::int64_t width;
  std::int64_t slices;
  bool is_rms;
  ConstReals dy;
  ConstReals x;
  ConstReals scale;
  ConstReals means;  // null for RMS
  ConstReals inverses;
  ConstReals added;  // may be null
  Reals dx;
  float* scales;  // [slice, column]
  float* shifts;

  template <class Group>
  MP_HD void operator()(std::int64_t slice, const Group& group) const {
    constexpr std::int64_t kMost = Group::kMostSize == 1 ? kWidestFusedRow / kPack : 1;
    RowPacks<kMost> scale_sums = {};
    RowPacks<kMost> shift_sums = {};
    for (std::int64_t row = rows * slice / slices; row < rows * (slice + 1) / slices; ++row) {
      add_row(row, group, scale_sums, shift_sums);
    }
    for (std::int64_t p = 0, i = group.rank() * kPack; p < kMost && i < width; ++p, i += group.size() * kPack) {
      store(Reals{scales, false}, slice * width + i, scale_sums.pack[p]);
      store(Reals{shifts, false}, slice * width + i, shift_sums.pack[p]);
    }
  }

 private:
  // The packs of a row that are a thread's.
  template <std::int64_t kMost>
  struct RowPacks {
    Pack<kPack> pack[static_cast<std::size_t>(kMost)];
  };

  template <class Group, std::int64_t kMost>
  MP_HD void add_row(std::int64_t row, const Group& group, RowPacks<kMost>& scale_sums,
                     RowPacks<kMost>& shift_sums) const {
    const std::int64_t start = row * width;
    const float mean = is_rms ? 0.0F : means[row];
    const float inverse = inverses[row];
    RowPacks<kMost> weighted = {};  // dY · scale
    RowPacks<kMost> normal = {};    // x̂
    double gradient = 0.0;
    double projected = 0.0;
    for (std::int64_t p = 0, i = group.rank() * kPack; p < kMost && i < width; ++p, i += group.size() * kPack) {
      const Pack<kPack> dys = load<kPack>(dy, start + i);
      const Pack<kPack> xs = load<kPack>(x, start + i);
      const Pack<kPack> factors = load<kPack>(scale, i);
      float sum = 0.0F;
      float product = 0.0F;
      for (int k = 0; k < kPack; ++k) {
        normal.pack[p].x[k] = (xs.x[k] - mean) * inverse;
        weighted.pack[p].x[k] = dys.x[k] * factors.x[k];
        sum += weighted.pack[p].x[k];
        product += weighted.pack[p].x[k] * normal.pack[p].x[k];
        scale_sums.pack[p].x[k] += dys.x[k] * normal.pack[p].x[k];
        shift_sums.pack[p].x[k] += dys.x[k];
      }
      gradient += static_cast<double>(sum);
      projected += static_cast<double>(product);
    }
    group.sum(gradient, projected);
    const double count = static_cast<double>(width);
    const float gradient_mean = is_rms ? 0.0F : static_cast<float>(gradient / count);
    const auto projected_mean = static_cast<float>(projected / count);
    for (std::int64_t p = 0, i = group.rank() * kPack; p < kMost && i < width; ++p, i += group.size() * kPack) {
      Pack<kPack> values;
      for (int k = 0; k < kPack; ++k) {
        values.x[k] = inverse * (weighted.pack[p].x[k] - gradient_mean - normal.pack[p].x[k] * projected_mean);
      }
      if (added) {
        const Pack<kPack> more = load<kPack>(added, start + i);
        for (int k = 0; k < kPack; ++k) values.x[k] += more.x[k];
      }
      store(dx, start + i, values);
    }
  }
};

// A group to each column: the shares of all slices, added up. Columns from `width` on are those of `shifts`.
struct FoldWeightGradientsRow {
  std::int64_t width;
  std::int64_t slices;
  const float* scales;
  const float* shifts;
  Reals dscale;
  Reals dshift;
  template <class Group>
  MP_HD void operator()(std::int64_t column, const Group& group) const {
    const bool is_scale = column < width;
    const std::int64_t at = is_scale ? column : column - width;
    const float* shares = is_scale ? scales : shifts;
    double total = 0.0;
    for (std::int64_t i = group.rank(); i < slices; i += group.size()) {
      total += static_cast<double>(shares[i * width + at]);
    }
    total = group.sum(total);
    if (group.rank() == 0) (is_scale ? dscale : dshift).set(at, static_cast<float>(total));
  }
};

}  // namespace mp::runtime::gpu
