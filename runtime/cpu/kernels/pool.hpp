// The geometry of MaxPool, AveragePool and their gradients, and the max pools over blocks of channels.
#pragma once

#include <cstdint>

#include "runtime/cpu/kernels/kernels.hpp"
#include "runtime/cpu/kernels/spatial.hpp"

namespace mp::runtime::cpu {

struct Pool {
  Window window;
  std::int64_t planes = 1;
  Pair source{};
  Pair destination{};

  [[nodiscard]] std::int64_t source_plane() const { return source[0] * source[1]; }
  [[nodiscard]] std::int64_t destination_plane() const { return destination[0] * destination[1]; }
  // The source index under tap `tap` of output `at` along `axis`; may lie in the padding.
  [[nodiscard]] std::int64_t under(std::size_t axis, std::int64_t at, std::int64_t tap) const {
    return at * window.strides[axis] - window.pads_begin[axis] + tap * window.dilations[axis];
  }
};

inline Pool pool_of(const KernelCall& call, const Shape& source, const Shape& destination) {
  return {window_of(call.attributes(), source), source[0] * source[1], spatial_extents(source),
          spatial_extents(destination)};
}

// blocked_max_pool.cpp: what make_max_pool and make_max_pool_grad return where the image is blocked.
KernelPointer make_blocked_max_pool(const KernelCall& call, const Pool& pool);
KernelPointer make_blocked_max_pool_grad(const KernelCall& call, const Pool& pool);

}  // namespace mp::runtime::cpu
