// ArgMax along lines.
#pragma once

#include <cstdint>

#include "runtime/gpu/portable.hpp"
#include "runtime/semantics/strides.hpp"

namespace mp::runtime::gpu {

// The first of equal elements; an element that is not a number is never the largest.
struct ArgMaxRow {
  LineExtents l;
  ConstReals x;
  std::int64_t* y;
  template <class Group>
  MP_HD void operator()(std::int64_t line, const Group& group) const {
    const Division d = divide(line, l.inner);
    const std::int64_t start = d.quotient * l.extent * l.inner + d.rest;
    float top = -kInfinity;
    std::int64_t at = INT64_MAX;  // none yet
    for (std::int64_t i = group.rank(); i < l.extent; i += group.size()) {
      const float value = x[start + i * l.inner];
      if (!(value > top) && !(at == INT64_MAX && value == value)) continue;
      top = value;
      at = i;
    }
    const float most = group.largest(top);
    at = group.smallest(top == most ? at : INT64_MAX);
    if (group.rank() == 0) y[line] = at == INT64_MAX ? 0 : at;
  }
};

}  // namespace mp::runtime::gpu
