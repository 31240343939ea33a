// Operators that move elements, as items: copies between two strided views, and padding with what is there already.
#pragma once

#include <cstdint>

#include "runtime/gpu/portable.hpp"
#include "runtime/gpu/strided.hpp"

namespace mp::runtime::gpu {

// to ← from; offsets in elements.
template <class T>
struct CopyItem {
  Strided<2> at;  // from, to
  const T* from;
  T* to;
  MP_HD void operator()(std::int64_t i) const {
    const auto place = at(i);
    to[place.at[1]] = from[place.at[0]];
  }
};

template <class T>
struct FillItem {
  T* to;
  T value;
  MP_HD void operator()(std::int64_t i) const { to[i] = value; }
};

enum class PadMode : std::uint8_t { kReflect, kEdge, kWrap };

// The source index that stands at `at` (from −pad on) along an axis of `extent`.
MP_HD inline std::int64_t mirrored(PadMode mode, std::int64_t at, std::int64_t extent) {
  if (mode == PadMode::kEdge) return at < 0 ? 0 : least(at, extent - 1);
  if (mode == PadMode::kWrap) return divide(at + extent, extent).rest;
  const std::int64_t back = at < 0 ? -at : at;
  return back < extent ? back : 2 * (extent - 1) - back;
}

struct Mirror {
  PadMode mode;
  std::size_t axes;
  std::int64_t source[kMostAxes];
  std::int64_t destination[kMostAxes];
  std::int64_t pads[kMostAxes];

  // The element of the source that stands at element i of the destination.
  MP_HD std::int64_t operator()(std::int64_t i) const {
    std::int64_t offset = 0;
    std::int64_t stride = 1;
    for (std::size_t axis = axes; axis-- > 0;) {
      const Division d = divide(i, destination[axis]);
      offset += mirrored(mode, d.rest - pads[axis], source[axis]) * stride;
      stride *= source[axis];
      i = d.quotient;
    }
    return offset;
  }
};

struct MirrorItem {
  Mirror mirror;
  ConstReals x;
  Reals y;
  MP_HD void operator()(std::int64_t i) const { y.set(i, x[mirror(i)]); }
};

// Source element i gathers the gradients of all its copies, in the destination's order: along each axis one stands
// inside, the others among the pads, which are looked through.
struct MirrorGradientItem {
  Mirror mirror;
  ConstReals dy;
  Reals dx;

  template <std::size_t kAxis>
  MP_HD double sum(std::int64_t offset, const std::int64_t* index) const {
    if constexpr (kAxis == kMostAxes) {
      return static_cast<double>(dy[offset]);
    } else {
      if (kAxis == mirror.axes) return static_cast<double>(dy[offset]);
      const std::int64_t extent = mirror.destination[kAxis];
      const std::int64_t inside = mirror.pads[kAxis];
      const std::int64_t inside_end = inside + mirror.source[kAxis];
      double total = 0.0;
      for (std::int64_t at = 0; at < extent; ++at) {
        const bool is_inside = at >= inside && at < inside_end;
        if (is_inside) at = inside + index[kAxis];
        if (is_inside || mirrored(mirror.mode, at - inside, mirror.source[kAxis]) == index[kAxis]) {
          total += sum<kAxis + 1>(offset * extent + at, index);
        }
        if (is_inside) at = inside_end - 1;
      }
      return total;
    }
  }
  MP_HD void operator()(std::int64_t i) const {
    std::int64_t index[kMostAxes];
    std::int64_t rest = i;
    for (std::size_t axis = mirror.axes; axis-- > 0;) {
      const Division d = divide(rest, mirror.source[axis]);
      index[axis] = d.rest;
      rest = d.quotient;
    }
    dx.set(i, static_cast<float>(sum<0>(0, index)));
  }
};

}  // namespace mp::runtime::gpu
