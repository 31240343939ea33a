// Sums and maxima over any set of axes.
#pragma once

#include <cstdint>

#include "runtime/gpu/portable.hpp"
#include "runtime/gpu/strided.hpp"

namespace mp::runtime::gpu {

// A group to each (slice of the sum, kept element): where what is summed lies side by side, or few sums are wanted.
struct SumRow {
  Strided<1> kept;
  Strided<1> reduced;
  std::int64_t kept_count;
  std::int64_t count;  // elements of a sum
  std::int64_t slices;
  double factor;
  ConstReals x;
  Reals y;
  double* partials;  // [slice, kept], for SumFold; null where there is one slice
  template <class Group>
  MP_HD void operator()(std::int64_t row, const Group& group) const {
    const Division d = divide(row, kept_count);
    const std::int64_t base = kept(d.rest).at[0];
    const std::int64_t end = count * (d.quotient + 1) / slices;
    double total = 0.0;
    for (std::int64_t i = count * d.quotient / slices + group.rank(); i < end; i += group.size()) {
      total += static_cast<double>(x[base + reduced(i).at[0]]);
    }
    total = group.sum(total);
    if (group.rank() != 0) return;
    if (partials != nullptr) {
      partials[row] = total;
    } else {
      y.set(row, static_cast<float>(total * factor));
    }
  }
};

// An item to each (slice of the sum, kept element): neighbours read neighbouring elements. SumFold adds the slices.
struct SumSliceItem {
  Strided<1> kept;
  Strided<1> reduced;
  std::int64_t kept_count;
  std::int64_t count;
  std::int64_t slices;
  ConstReals x;
  double* partials;  // [slice, kept]
  MP_HD void operator()(std::int64_t i) const {
    const Division d = divide(i, kept_count);
    const std::int64_t base = kept(d.rest).at[0];
    double total = 0.0;
    for (std::int64_t j = count * d.quotient / slices; j < count * (d.quotient + 1) / slices; ++j) {
      total += static_cast<double>(x[base + reduced(j).at[0]]);
    }
    partials[i] = total;
  }
};

struct SumFold {
  const double* partials;
  std::int64_t kept_count;
  std::int64_t slices;
  double factor;
  Reals y;
};

struct SumFoldItem : SumFold {
  MP_HD void operator()(std::int64_t i) const {
    double total = 0.0;
    for (std::int64_t slice = 0; slice < slices; ++slice) total += partials[slice * kept_count + i];
    y.set(i, static_cast<float>(total * factor));
  }
};

// A group to each sum: of many slices, one thread would wait for one after the other.
struct SumFoldRow : SumFold {
  template <class Group>
  MP_HD void operator()(std::int64_t i, const Group& group) const {
    double total = 0.0;
    for (std::int64_t s = group.rank(); s < slices; s += group.size()) total += partials[s * kept_count + i];
    total = group.sum(total);
    if (group.rank() == 0) y.set(i, static_cast<float>(total * factor));
  }
};

// The largest element of each reduced range (a NaN is largest), or, with `dy`, its gradient: to the first such element.
struct LargestRow {
  Strided<1> kept;
  Strided<1> reduced;
  std::int64_t count;
  ConstReals x;
  ConstReals dy;  // null: forward
  Reals to;
  template <class Group>
  MP_HD void operator()(std::int64_t row, const Group& group) const {
    const std::int64_t base = kept(row).at[0];
    float top = -kInfinity;
    std::int64_t first_nan = count;
    for (std::int64_t i = group.rank(); i < count; i += group.size()) {
      const float value = x[base + reduced(i).at[0]];
      if (value != value) {
        first_nan = least(first_nan, i);
      } else if (value > top) {
        top = value;
      }
    }
    top = group.largest(top);
    first_nan = group.smallest(first_nan);
    std::int64_t first = count;
    for (std::int64_t i = group.rank(); i < count && first == count; i += group.size()) {
      if (x[base + reduced(i).at[0]] == top) first = i;
    }
    first = group.smallest(first);
    if (first_nan < count) first = first_nan;
    if (group.rank() != 0 || count == 0) return;
    const std::int64_t place = base + reduced(first).at[0];
    if (dy) {
      to.set(place, dy[row]);
    } else {
      to.set(row, x[place]);
    }
  }
};

}  // namespace mp::runtime::gpu
