// Where element i of a shape lies in tensors that are walked with strides of their own.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "lib/graph/types.hpp"
#include "runtime/gpu/portable.hpp"
#include "runtime/semantics/strides.hpp"

namespace mp::runtime::gpu {

inline constexpr std::size_t kMostAxes = kMaxRank;

// A loop nest over N tensors, as a value that a kernel can be given. Axes of extent 1 are dropped and neighbours merged
// where all strides allow it.
template <std::size_t N>
struct Strided {
  std::size_t axes = 0;
  std::int64_t extents[kMostAxes] = {};
  std::int64_t strides[kMostAxes][N] = {};

  struct Offsets {
    std::int64_t at[N];
  };
  MP_HD Offsets operator()(std::int64_t i) const {
    Offsets offsets{};
    for (std::size_t axis = axes; axis-- > 1;) {
      const Division d = divide(i, extents[axis]);
      for (std::size_t t = 0; t < N; ++t) offsets.at[t] += d.rest * strides[axis][t];
      i = d.quotient;
    }
    if (axes > 0) {
      for (std::size_t t = 0; t < N; ++t) offsets.at[t] += i * strides[0][t];
    }
    return offsets;
  }

  [[nodiscard]] std::int64_t count() const {
    std::int64_t count = 1;
    for (std::size_t axis = 0; axis < axes; ++axis) count *= extents[axis];
    return count;
  }
};

using StrideList = std::vector<std::int64_t>;

template <std::size_t N>
[[nodiscard]] Strided<N> strided(const Shape& shape, const std::array<StrideList, N>& strides) {
  Strided<N> nest;
  for (std::size_t i = 0; i < shape.size(); ++i) {
    if (shape[i] == 1) continue;
    bool merges = nest.axes > 0;
    for (std::size_t t = 0; merges && t < N; ++t) {
      merges = nest.strides[nest.axes - 1][t] == strides[t][i] * shape[i];
    }
    if (!merges) nest.extents[nest.axes++] = 1;
    nest.extents[nest.axes - 1] *= shape[i];
    for (std::size_t t = 0; t < N; ++t) nest.strides[nest.axes - 1][t] = strides[t][i];
  }
  return nest;
}

// The axes of an attribute as flags, one per axis; no axes: all of them.
[[nodiscard]] std::vector<bool> reduced_axes(const std::vector<std::int64_t>& axes, std::size_t rank);

}  // namespace mp::runtime::gpu
