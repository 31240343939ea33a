// Windows that slide over two spatial axes: convolutions without a library, pools, resizing. One item to each result,
// which gathers what it needs: no two items write one element, so sums have one order.
#pragma once

#include <cstdint>

#include "runtime/gpu/portable.hpp"
#include "runtime/gpu/values.hpp"
#include "runtime/semantics/resize_neighbours.hpp"

namespace mp::runtime::gpu {

// [planes, height, width] at i.
struct Pixel {
  std::int64_t plane;
  std::int64_t row;
  std::int64_t column;
  MP_HD Pixel(std::int64_t i, const std::int64_t (&extents)[2]) {
    const Division in_row = divide(i, extents[1]);
    const Division in_plane = divide(in_row.quotient, extents[0]);
    plane = in_plane.quotient;
    row = in_plane.rest;
    column = in_row.rest;
  }
};

// The source index under a tap of output `at`; may lie in the padding.
template <class Window>
MP_HD std::int64_t under(const Window& w, int axis, std::int64_t at, std::int64_t tap) {
  return at * w.strides[axis] - w.pads_begin[axis] + tap * w.dilations[axis];
}

// The output whose tap `tap` lies on the source index `at`; −1: none.
template <class Window>
MP_HD std::int64_t over(const Window& w, int axis, std::int64_t at, std::int64_t tap) {
  const std::int64_t shifted = at + w.pads_begin[axis] - tap * w.dilations[axis];
  if (shifted < 0) return -1;
  const Division d = divide(shifted, w.strides[axis]);
  return d.rest == 0 && d.quotient < w.destination[axis] ? d.quotient : -1;
}

struct ConvolutionForwardItem {
  ConvolutionShape s;
  ConvolutionOperands o;
  MP_HD void operator()(std::int64_t i) const {
    const Pixel p(i, s.destination);
    const Division d = divide(p.plane, s.destination_channels);  // batch item, output channel
    const std::int64_t inputs = s.source_channels / s.groups;
    const std::int64_t first = d.rest / (s.destination_channels / s.groups) * inputs;
    float total = 0.0F;
    for (std::int64_t c = 0; c < inputs; ++c) {
      const std::int64_t plane = (d.quotient * s.source_channels + first + c) * s.source[0];
      const std::int64_t weights = (d.rest * inputs + c) * s.kernel[0];
      for (std::int64_t kh = 0; kh < s.kernel[0]; ++kh) {
        const std::int64_t ih = under(s, 0, p.row, kh);
        if (ih < 0 || ih >= s.source[0]) continue;
        for (std::int64_t kw = 0; kw < s.kernel[1]; ++kw) {
          const std::int64_t iw = under(s, 1, p.column, kw);
          if (iw < 0 || iw >= s.source[1]) continue;
          total += o.source[(plane + ih) * s.source[1] + iw] * o.weights[(weights + kh) * s.kernel[1] + kw];
        }
      }
    }
    o.destination.set(i, total);
  }
};

struct ConvolutionSourceItem {
  ConvolutionShape s;
  ConvolutionOperands o;
  MP_HD void operator()(std::int64_t i) const {
    const Pixel p(i, s.source);
    const Division d = divide(p.plane, s.source_channels);
    const std::int64_t inputs = s.source_channels / s.groups;
    const std::int64_t outputs = s.destination_channels / s.groups;
    const Division in_group = divide(d.rest, inputs);
    float total = 0.0F;
    for (std::int64_t c = in_group.quotient * outputs; c < (in_group.quotient + 1) * outputs; ++c) {
      const std::int64_t plane = (d.quotient * s.destination_channels + c) * s.destination[0];
      const std::int64_t weights = (c * inputs + in_group.rest) * s.kernel[0];
      for (std::int64_t kh = 0; kh < s.kernel[0]; ++kh) {
        const std::int64_t oh = over(s, 0, p.row, kh);
        if (oh < 0) continue;
        for (std::int64_t kw = 0; kw < s.kernel[1]; ++kw) {
          const std::int64_t ow = over(s, 1, p.column, kw);
          if (ow < 0) continue;
          total += o.destination[(plane + oh) * s.destination[1] + ow] * o.weights[(weights + kh) * s.kernel[1] + kw];
        }
      }
    }
    o.source.set(i, total);
  }
};

// A row to each weight: the sum over batch and outputs.
struct ConvolutionWeightRow {
  ConvolutionShape s;
  ConvolutionOperands o;
  template <class Group>
  MP_HD void operator()(std::int64_t row, const Group& group) const {
    const Pixel tap(row, s.kernel);
    const std::int64_t inputs = s.source_channels / s.groups;
    const Division d = divide(tap.plane, inputs);  // output channel, input channel within its group
    const std::int64_t source = d.quotient / (s.destination_channels / s.groups) * inputs + d.rest;
    double total = 0.0;
    const std::int64_t count = s.batch * s.destination[0] * s.destination[1];
    for (std::int64_t i = group.rank(); i < count; i += group.size()) {
      const Pixel p(i, s.destination);  // its plane is the batch item
      const std::int64_t ih = under(s, 0, p.row, tap.row);
      const std::int64_t iw = under(s, 1, p.column, tap.column);
      if (ih < 0 || ih >= s.source[0] || iw < 0 || iw >= s.source[1]) continue;
      const float x = o.source[((p.plane * s.source_channels + source) * s.source[0] + ih) * s.source[1] + iw];
      const std::int64_t plane = (p.plane * s.destination_channels + d.quotient) * s.destination[0];
      total +=
          static_cast<double>(x) * static_cast<double>(o.destination[(plane + p.row) * s.destination[1] + p.column]);
    }
    total = group.sum(total);
    if (group.rank() == 0) o.weights.set(row, static_cast<float>(total));
  }
};

struct Pool {
  std::int64_t planes = 1;
  std::int64_t source[2] = {1, 1};
  std::int64_t destination[2] = {1, 1};
  std::int64_t kernel[2] = {1, 1};
  std::int64_t strides[2] = {1, 1};
  std::int64_t dilations[2] = {1, 1};
  std::int64_t pads_begin[2] = {0, 0};
  std::int64_t pads_end[2] = {0, 0};
  bool include_padding = false;

  // Where in its plane the largest element of an output's window first stands, row by row; −1: nowhere. A NaN is
  // largest.
  MP_HD std::int64_t largest(const ConstReals& x, std::int64_t plane, std::int64_t oh, std::int64_t ow) const {
    std::int64_t place = -1;
    float best = -kInfinity;
    for (std::int64_t kh = 0; kh < kernel[0]; ++kh) {
      const std::int64_t ih = under(*this, 0, oh, kh);
      if (ih < 0 || ih >= source[0]) continue;
      for (std::int64_t kw = 0; kw < kernel[1]; ++kw) {
        const std::int64_t iw = under(*this, 1, ow, kw);
        if (iw < 0 || iw >= source[1]) continue;
        const float value = x[(plane * source[0] + ih) * source[1] + iw];
        if (place < 0 || value > best || (value != value && best == best)) {
          best = value;
          place = ih * source[1] + iw;
        }
      }
    }
    return place;
  }
  // How many elements an output averages along an axis.
  MP_HD std::int64_t taps(int axis, std::int64_t at) const {
    const std::int64_t begin = include_padding ? -pads_begin[axis] : 0;
    const std::int64_t end = source[axis] + (include_padding ? pads_end[axis] : 0);
    std::int64_t count = 0;
    for (std::int64_t tap = 0; tap < kernel[axis]; ++tap) {
      const std::int64_t place = under(*this, axis, at, tap);
      if (place >= begin && place < end) ++count;
    }
    return count;
  }
  MP_HD float share(std::int64_t oh, std::int64_t ow) const {
    const std::int64_t count = taps(0, oh) * taps(1, ow);
    return count > 0 ? 1.0F / static_cast<float>(count) : 0.0F;
  }
};

struct MaxPoolItem {
  Pool pool;
  ConstReals x;
  Reals y;
  MP_HD void operator()(std::int64_t i) const {
    const Pixel p(i, pool.destination);
    const std::int64_t place = pool.largest(x, p.plane, p.row, p.column);
    y.set(i, place < 0 ? -kInfinity : x[p.plane * pool.source[0] * pool.source[1] + place]);
  }
};

// A source element gathers the gradients of the windows of which it is the first largest.
struct MaxPoolGradientItem {
  Pool pool;
  ConstReals dy;
  ConstReals x;
  Reals dx;
  MP_HD void operator()(std::int64_t i) const {
    const Pixel p(i, pool.source);
    const std::int64_t mine = p.row * pool.source[1] + p.column;
    float total = 0.0F;
    for (std::int64_t kh = pool.kernel[0]; kh-- > 0;) {
      const std::int64_t oh = over(pool, 0, p.row, kh);
      if (oh < 0) continue;
      for (std::int64_t kw = pool.kernel[1]; kw-- > 0;) {
        const std::int64_t ow = over(pool, 1, p.column, kw);
        if (ow < 0 || pool.largest(x, p.plane, oh, ow) != mine) continue;
        total += dy[(p.plane * pool.destination[0] + oh) * pool.destination[1] + ow];
      }
    }
    dx.set(i, total);
  }
};

struct AveragePoolItem {
  Pool pool;
  ConstReals x;
  Reals y;
  MP_HD void operator()(std::int64_t i) const {
    const Pixel p(i, pool.destination);
    float total = 0.0F;
    for (std::int64_t kh = 0; kh < pool.kernel[0]; ++kh) {
      const std::int64_t ih = under(pool, 0, p.row, kh);
      if (ih < 0 || ih >= pool.source[0]) continue;
      for (std::int64_t kw = 0; kw < pool.kernel[1]; ++kw) {
        const std::int64_t iw = under(pool, 1, p.column, kw);
        if (iw < 0 || iw >= pool.source[1]) continue;
        total += x[(p.plane * pool.source[0] + ih) * pool.source[1] + iw];
      }
    }
    y.set(i, total * pool.share(p.row, p.column));
  }
};

struct AveragePoolGradientItem {
  Pool pool;
  ConstReals dy;
  Reals dx;
  MP_HD void operator()(std::int64_t i) const {
    const Pixel p(i, pool.source);
    float total = 0.0F;
    for (std::int64_t kh = pool.kernel[0]; kh-- > 0;) {
      const std::int64_t oh = over(pool, 0, p.row, kh);
      if (oh < 0) continue;
      for (std::int64_t kw = pool.kernel[1]; kw-- > 0;) {
        const std::int64_t ow = over(pool, 1, p.column, kw);
        if (ow < 0) continue;
        total += dy[(p.plane * pool.destination[0] + oh) * pool.destination[1] + ow] * pool.share(oh, ow);
      }
    }
    dx.set(i, total);
  }
};

// dX = dY / plane of a plane's one output.
struct SpreadItem {
  std::int64_t plane;
  ConstReals dy;
  Reals dx;
  MP_HD void operator()(std::int64_t i) const { dx.set(i, dy[divide(i, plane).quotient] / static_cast<float>(plane)); }
};

// What a source element at `place` has in an output that blends `n`.
MP_HD inline float weight_of(const Neighbours& n, std::int64_t place) {
  return (place == n.low ? 1.0F - n.weight : 0.0F) + (place == n.high ? n.weight : 0.0F);
}

// Outputs along one axis that a source index has a part in: [begin, end).
struct Users {
  std::int64_t begin;
  std::int64_t end;
};

struct ResizeItem {
  std::int64_t source[2];
  std::int64_t destination[2];
  const Neighbours* rows;
  const Neighbours* columns;
  ConstReals x;
  Reals y;
  MP_HD float blend(std::int64_t row, const Neighbours& c) const {
    const float low = x[row * source[1] + c.low];
    return c.weight == 0.0F ? low : low + c.weight * (x[row * source[1] + c.high] - low);
  }
  MP_HD void operator()(std::int64_t i) const {
    const Pixel p(i, destination);
    const Neighbours& r = rows[p.row];
    const float low = blend(p.plane * source[0] + r.low, columns[p.column]);
    if (r.weight == 0.0F) {
      y.set(i, low);
    } else {
      y.set(i, low + r.weight * (blend(p.plane * source[0] + r.high, columns[p.column]) - low));
    }
  }
};

struct ResizeGradientItem {
  std::int64_t source[2];
  std::int64_t destination[2];
  const Neighbours* rows;
  const Neighbours* columns;
  const Users* row_users;
  const Users* column_users;
  ConstReals dy;
  Reals dx;
  MP_HD void operator()(std::int64_t i) const {
    const Pixel p(i, source);
    const Users across = column_users[p.column];
    float total = 0.0F;
    for (std::int64_t oh = row_users[p.row].begin; oh < row_users[p.row].end; ++oh) {
      float row = 0.0F;
      for (std::int64_t ow = across.begin; ow < across.end; ++ow) {
        row += weight_of(columns[ow], p.column) * dy[(p.plane * destination[0] + oh) * destination[1] + ow];
      }
      total += weight_of(rows[oh], p.row) * row;
    }
    dx.set(i, total);
  }
};

}  // namespace mp::runtime::gpu
