// Gather and its gradient, rotary embeddings, dropout: items of what language models need besides products.
#pragma once

#include <cmath>
#include <cstdint>

#include "runtime/gpu/packs.hpp"
#include "runtime/gpu/portable.hpp"
#include "runtime/gpu/values.hpp"
#include "runtime/semantics/rotation.hpp"

namespace mp::runtime::gpu {

// data as [outer, extent, inner]; Y as [outer, indices, inner].
struct Slices {
  std::int64_t outer = 1;
  std::int64_t extent = 1;
  std::int64_t inner = 1;
  std::int64_t indices = 1;

  // Of an index that may count from the end; −1 for one outside.
  MP_HD std::int64_t position(std::int64_t index) const {
    if (index < -extent || index >= extent) return -1;
    return index < 0 ? index + extent : index;
  }
};

template <class T>
struct GatherItem {
  Slices s;
  const T* data;
  const std::int64_t* indices;
  T* y;
  Fault* fault;
  MP_HD void operator()(std::int64_t i) const {
    const Division column = divide(i, s.inner);
    const Division at = divide(column.quotient, s.indices);
    const std::int64_t position = s.position(indices[at.rest]);
    if (position < 0) {
      fault->raise(at.rest, indices[at.rest]);
      y[i] = T{};
      return;
    }
    y[i] = data[(at.quotient * s.extent + position) * s.inner + column.rest];
  }
};

// The order of the indices, smallest first, equal ones in the order of their positions; an index outside has the place
// of −1. Runs of so many are ordered by comparing all with all, then merged: a batch of half a million tokens compared
// with each other would take longer than its step.
inline constexpr std::int64_t kOrderedRun = 1024;

// order[k], within each run: the position of its k-th smallest index.
struct GatherOrderRow {
  Slices s;
  const std::int64_t* indices;
  std::int64_t* order;
  Fault* fault;
  template <class Group>
  MP_HD void operator()(std::int64_t i, const Group& group) const {
    const std::int64_t mine = s.position(indices[i]);
    const std::int64_t begin = i - divide(i, kOrderedRun).rest;
    const std::int64_t end = least(begin + kOrderedRun, s.indices);
    double before = 0.0;
    for (std::int64_t j = begin + group.rank(); j < end; j += group.size()) {
      const std::int64_t other = s.position(indices[j]);
      if (other < mine || (other == mine && j < i)) before += 1.0;
    }
    before = group.sum(before);
    if (group.rank() != 0) return;
    if (mine < 0) fault->raise(i, indices[i]);
    order[begin + static_cast<std::int64_t>(before)] = i;
  }
};

// merged: the order of all, from that of the runs. Place k of a run has before it those of its run, and of each other
// run those that are smaller, or equal and earlier.
struct GatherMergeItem {
  Slices s;
  const std::int64_t* indices;
  const std::int64_t* order;
  std::int64_t* merged;
  MP_HD void operator()(std::int64_t k) const {
    const std::int64_t mine = s.position(indices[order[k]]);
    const std::int64_t own = k - divide(k, kOrderedRun).rest;
    std::int64_t place = k - own;
    for (std::int64_t run = 0; run < s.indices; run += kOrderedRun) {
      if (run != own) place += count_before(run, run < own ? mine + 1 : mine);
    }
    merged[place] = order[k];
  }

 private:
  // Of a run, those below `limit`.
  MP_HD std::int64_t count_before(std::int64_t run, std::int64_t limit) const {
    std::int64_t low = run;
    std::int64_t high = least(run + kOrderedRun, s.indices);
    while (low < high) {
      const std::int64_t middle = (low + high) / 2;
      if (s.position(indices[order[middle]]) < limit) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return low - run;
  }
};

// A row to each (outer, place in the order): the first of equal indices adds up the slices of all of them, in the order
// of their positions: the same bits whatever the device. Where each slice lies is known before it is read: a token that
// is every twentieth of a text would else be a chain of hundreds of loads, each waiting for the one before it.
struct GatherGradientRow {
  Slices s;
  const std::int64_t* indices;
  const std::int64_t* order;
  ConstReals dy;
  Reals dx;  // zeros
  template <class Group>
  MP_HD void operator()(std::int64_t row, const Group& group) const {
    const Division d = divide(row, s.indices);
    const std::int64_t first = d.rest;
    const std::int64_t mine = s.position(indices[order[first]]);
    if (mine < 0 || (first > 0 && s.position(indices[order[first - 1]]) == mine)) return;
    std::int64_t end = s.indices;
    for (std::int64_t k = first + 1 + group.rank(); k < s.indices && end == s.indices; k += group.size()) {
      if (s.position(indices[order[k]]) != mine) end = k;
    }
    end = group.smallest(end);
    const std::int64_t from = d.quotient * s.indices;
    const std::int64_t to = (d.quotient * s.extent + mine) * s.inner;
    for_packs(group, s.inner, are_rows_packable(s.inner, dy, dx), [&](auto n, std::int64_t column) {
      constexpr int kN = decltype(n)::value;
      Pack<kN> total{};
      for (std::int64_t k = first; k < end; ++k) {
        const Pack<kN> slice = load<kN>(dy, (from + order[k]) * s.inner + column);
        for (int c = 0; c < kN; ++c) total.x[c] += slice.x[c];
      }
      store(dx, to + column, total);
    });
  }
};

// Of a place in the order: ranges[2 · slice] and ranges[2 · slice + 1] become the first place of those that have its
// slice, and the one after their last.
struct GatherRangeItem {
  Slices s;
  const std::int64_t* indices;
  const std::int64_t* order;
  std::int64_t* ranges;  // zeros: nobody has the slice
  MP_HD void operator()(std::int64_t place) const {
    const std::int64_t slice = s.position(indices[order[place]]);
    if (slice < 0) return;
    if (place == 0 || s.position(indices[order[place - 1]]) != slice) ranges[2 * slice] = place;
    if (place + 1 == s.indices || s.position(indices[order[place + 1]]) != slice) ranges[2 * slice + 1] = place + 1;
  }
};

// A row to each (outer, slice): what is there already, and the slices of all indices that have it, added up as
// GatherGradientRow does.
struct GatherGradientSumRow {
  Slices s;
  const std::int64_t* order;
  const std::int64_t* ranges;
  ConstReals dy;
  ConstReals added;
  Reals sum;  // may be `added`
  template <class Group>
  MP_HD void operator()(std::int64_t row, const Group& group) const {
    const Division d = divide(row, s.extent);
    const std::int64_t first = ranges[2 * d.rest];
    const std::int64_t end = ranges[2 * d.rest + 1];
    const std::int64_t from = d.quotient * s.indices;
    for_packs(group, s.inner, are_rows_packable(s.inner, dy, added, sum), [&](auto n, std::int64_t column) {
      constexpr int kN = decltype(n)::value;
      Pack<kN> total{};
      for (std::int64_t k = first; k < end; ++k) {
        const Pack<kN> slice = load<kN>(dy, (from + order[k]) * s.inner + column);
        for (int c = 0; c < kN; ++c) total.x[c] += slice.x[c];
      }
      const Pack<kN> before = load<kN>(added, row * s.inner + column);
      for (int c = 0; c < kN; ++c) total.x[c] += before.x[c];
      store(sum, row * s.inner + column, total);
    });
  }
};

struct RotationItem {
  Rotation r;
  ConstReals cosines;  // [known, rotated / 2]
  ConstReals sines;
  bool by_place;                  // a row of the tables for every [batch, sequence], else for every [sequence]
  const std::int64_t* positions;  // [batch, sequence]; may be null
  std::int64_t known;
  Fault* fault;
  ConstReals x;
  Reals y;

  // The row of the tables for a place in [batch, sequence], −1 for a position that there is not.
  MP_HD std::int64_t row(std::int64_t place) const {
    if (positions == nullptr) return by_place ? place : divide(place, r.sequence).rest;
    const std::int64_t position = positions[place];
    if (position >= 0 && position < known) return position;
    fault->raise(place, position);
    return -1;
  }
  MP_HD void operator()(std::int64_t i) const {
    const Division within = divide(i, r.size);
    std::int64_t place = 0;
    if (r.heads_outside) {
      const Division at = divide(within.quotient, r.sequence);
      place = divide(at.quotient, r.heads).quotient * r.sequence + at.rest;
    } else {
      place = divide(within.quotient, r.heads).quotient;
    }
    const std::int64_t element = within.rest;
    const std::int64_t table_row = element < r.rotated ? row(place) : -1;
    if (table_row < 0) {
      y.set(i, x[i]);
      return;
    }
    const std::int64_t half = r.rotated / 2;
    const bool is_second = r.is_interleaved ? element % 2 != 0 : element >= half;
    const std::int64_t pair = r.is_interleaved ? element / 2 : is_second ? element - half : element;
    const std::int64_t step = r.is_interleaved ? 1 : half;
    const float cosine = cosines[table_row * half + pair];
    const float sine = r.sign * sines[table_row * half + pair];
    y.set(i, is_second ? sine * x[i - step] + cosine * x[i] : cosine * x[i] - sine * x[i + step]);
  }
};

// lib/base/random.hpp's philox and RandomStream::uniform, word for word.
MP_HD inline std::uint64_t stream_bits(const std::uint32_t (&key)[2], std::uint64_t step, std::uint64_t i) {
  std::uint32_t c0 = static_cast<std::uint32_t>(i);
  std::uint32_t c1 = static_cast<std::uint32_t>(i >> 32U);
  std::uint32_t c2 = static_cast<std::uint32_t>(step);
  std::uint32_t c3 = static_cast<std::uint32_t>(step >> 32U);
  std::uint32_t k0 = key[0];
  std::uint32_t k1 = key[1];
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t product0 = std::uint64_t{0xd2511f53U} * c0;
    const std::uint64_t product1 = std::uint64_t{0xcd9e8d57U} * c2;
    c0 = static_cast<std::uint32_t>(product1 >> 32U) ^ c1 ^ k0;
    c2 = static_cast<std::uint32_t>(product0 >> 32U) ^ c3 ^ k1;
    c1 = static_cast<std::uint32_t>(product1);
    c3 = static_cast<std::uint32_t>(product0);
    k0 += 0x9e3779b9U;
    k1 += 0xbb67ae85U;
  }
  return static_cast<std::uint64_t>(c1) << 32U | c0;
}

struct DropoutItem {
  std::uint32_t key[2];
  const std::uint64_t* step;
  double ratio;
  float scale;
  ConstReals x;
  Reals y;
  MP_HD void operator()(std::int64_t i) const {
    const std::uint64_t bits = stream_bits(key, *step, static_cast<std::uint64_t>(i));
    const bool kept = static_cast<double>(bits >> 11U) * 0x1p-53 >= ratio;
    y.set(i, kept ? x[i] * scale : 0.0F);
  }
};

}  // namespace mp::runtime::gpu
