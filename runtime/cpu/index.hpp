// Walking strided tensors: extents and strides with whatever can be merged, merged.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "lib/base/check.hpp"
#include "lib/graph/types.hpp"
#include "runtime/cpu/team.hpp"
#include "runtime/semantics/strides.hpp"

namespace mp::runtime::cpu {

inline constexpr std::size_t kMostAxes = 16;

// A loop nest over N tensors at once, outermost axis first. Axes of extent 1 are dropped and neighbours merged where
// all strides allow it, so that the innermost axis is as long as can be. At least one axis, empty only where the shape
// is.
template <std::size_t N>
struct Nest {
  struct Axis {
    std::int64_t extent = 1;
    std::array<std::int64_t, N> strides{};
  };
  std::vector<Axis> axes;

  Nest(const Shape& shape, const std::array<std::vector<std::int64_t>, N>& strides) {
    for (std::size_t i = 0; i < shape.size(); ++i) {
      if (shape[i] == 1) continue;
      Axis axis{shape[i], {}};
      for (std::size_t t = 0; t < N; ++t) axis.strides[t] = strides[t][i];
      push(axis);
    }
    if (axes.empty()) axes.push_back({});
  }

  [[nodiscard]] const Axis& inner() const { return axes.back(); }
  // Iterations of all axes but the innermost.
  [[nodiscard]] std::int64_t rows() const {
    std::int64_t rows = 1;
    for (std::size_t i = 0; i + 1 < axes.size(); ++i) rows *= axes[i].extent;
    return rows;
  }
  // visit(offsets) for each row in [first, last): where it starts in each tensor.
  template <class Visit>
  void for_rows(std::int64_t first, std::int64_t last, const Visit& visit) const {
    const std::size_t outer = axes.size() - 1;
    std::array<std::int64_t, kMostAxes> at{};
    std::array<std::int64_t, N> offsets{};
    std::int64_t rest = first;
    for (std::size_t i = outer; i-- > 0;) {
      at[i] = rest % axes[i].extent;
      rest /= axes[i].extent;
      for (std::size_t t = 0; t < N; ++t) offsets[t] += at[i] * axes[i].strides[t];
    }
    for (std::int64_t row = first; row < last; ++row) {
      visit(offsets);
      for (std::size_t i = outer; i-- > 0;) {
        for (std::size_t t = 0; t < N; ++t) offsets[t] += axes[i].strides[t];
        if (++at[i] < axes[i].extent) break;
        for (std::size_t t = 0; t < N; ++t) offsets[t] -= axes[i].extent * axes[i].strides[t];
        at[i] = 0;
      }
    }
  }

 private:
  void push(const Axis& axis) {
    bool merges = !axes.empty();
    for (std::size_t t = 0; merges && t < N; ++t) merges = axes.back().strides[t] == axis.strides[t] * axis.extent;
    if (merges) {
      axes.back().extent *= axis.extent;
      axes.back().strides = axis.strides;
    } else {
      axes.push_back(axis);
      MP_CHECK(axes.size() <= kMostAxes);
    }
  }
};

// visit(offsets, count) for pieces of rows: together they cover the nest, each on one thread, cut by shape alone.
template <std::size_t N, class Visit>
void for_pieces(Team& team, const Nest<N>& nest, const Visit& visit) {
  constexpr std::int64_t kPiece = 16384;
  const std::int64_t extent = nest.inner().extent;
  const std::int64_t rows = nest.rows();
  if (rows == 0 || extent == 0) return;
  const std::int64_t row_pieces = (extent + 2 * kPiece - 1) / (2 * kPiece);
  const std::int64_t length = (extent + row_pieces - 1) / row_pieces;
  const std::int64_t rows_at_once = std::max<std::int64_t>(1, kPiece / extent);
  const std::int64_t groups = (rows + rows_at_once - 1) / rows_at_once;
  team.for_each(groups * row_pieces, [&](std::int64_t part, int) {
    const std::int64_t begin = part % row_pieces * length;
    const std::int64_t count = std::min(length, extent - begin);
    if (count <= 0) return;
    const std::int64_t first = part / row_pieces * rows_at_once;
    nest.for_rows(first, std::min(rows, first + rows_at_once), [&](std::array<std::int64_t, N> offsets) {
      for (std::size_t t = 0; t < N; ++t) offsets[t] += begin * nest.inner().strides[t];
      visit(offsets, count);
    });
  });
}

}  // namespace mp::runtime::cpu
