// What is added to products and convolutions.
#pragma once

#include <cstdint>

#include "runtime/gpu/portable.hpp"
#include "runtime/gpu/strided.hpp"

namespace mp::runtime::gpu {

// y ← factor · x, x broadcast.
struct ScaledItem {
  Strided<1> at;
  float factor;
  ConstReals x;
  Reals y;
  MP_HD void operator()(std::int64_t i) const { y.set(i, factor * x[at(i).at[0]]); }
};

// y[…, c, …] += bias[c], `plane` elements to a channel.
struct BiasItem {
  std::int64_t channels;
  std::int64_t plane;
  ConstReals bias;
  Reals y;
  MP_HD void operator()(std::int64_t i) const {
    y.set(i, y[i] + bias[divide(divide(i, plane).quotient, channels).rest]);
  }
};

}  // namespace mp::runtime::gpu
