// MaxPool, AveragePool, GlobalAveragePool and their gradients: planes side by side, rows of outputs at a time.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <vector>

#include "runtime/cpu/kernels/blocked_rows.hpp"
#include "runtime/cpu/kernels/kernels.hpp"
#include "runtime/cpu/kernels/pool.hpp"
#include "runtime/cpu/simd.hpp"
#include "runtime/cpu/sums.hpp"

namespace mp::runtime::cpu {
namespace {

struct Range {
  std::int64_t begin = 0;
  std::int64_t end = 0;
};

// The outputs along the last axis whose tap `tap` lies inside the source.
Range inside(const Pool& p, std::int64_t tap) {
  const std::int64_t shift = p.under(1, 0, tap);
  const std::int64_t stride = p.window.strides[1];
  const std::int64_t begin = shift >= 0 ? 0 : (-shift + stride - 1) / stride;
  const std::int64_t end = p.source[1] - shift <= 0 ? 0 : (p.source[1] - shift + stride - 1) / stride;
  return {std::min(begin, p.destination[1]), std::clamp(end, std::min(begin, p.destination[1]), p.destination[1])};
}

// row(source row, tap, outputs) for every tap of output row `oh` that meets the source, in row-major order.
template <class Row>
void for_row_taps(const Pool& p, std::int64_t oh, const Row& row) {
  for (std::int64_t kh = 0; kh < p.window.kernel[0]; ++kh) {
    const std::int64_t ih = p.under(0, oh, kh);
    if (ih < 0 || ih >= p.source[0]) continue;
    for (std::int64_t kw = 0; kw < p.window.kernel[1]; ++kw) row(ih, kw, inside(p, kw));
  }
}

// row(destination row, source row, tap, outputs) for every row of a plane.
template <class Row>
void for_taps(const Pool& p, const Row& row) {
  for (std::int64_t oh = 0; oh < p.destination[0]; ++oh) {
    for_row_taps(p, oh, [&](std::int64_t ih, std::int64_t tap, Range r) { row(oh, ih, tap, r); });
  }
}

MP_SIMD void max_row(const float* x, std::int64_t stride, float* y, std::int64_t n) {
  if (stride == 1) {
    for (std::int64_t i = 0; i < n; ++i) y[i] = x[i] > y[i] || x[i] != x[i] ? x[i] : y[i];
  } else {
    for (std::int64_t i = 0; i < n; ++i)
      y[i] = x[i * stride] > y[i] || x[i * stride] != x[i * stride] ? x[i * stride] : y[i];
  }
}

MP_SIMD void add_row(const float* x, std::int64_t stride, float* y, std::int64_t n) {
  if (stride == 1) {
    for (std::int64_t i = 0; i < n; ++i) y[i] += x[i];
  } else {
    for (std::int64_t i = 0; i < n; ++i) y[i] += x[i * stride];
  }
}

MP_SIMD void spread_row(const float* y, const float* weights, float* x, std::int64_t stride, std::int64_t n) {
  if (stride == 1) {
    for (std::int64_t i = 0; i < n; ++i) x[i] += y[i] * weights[i];
  } else {
    for (std::int64_t i = 0; i < n; ++i) x[i * stride] += y[i] * weights[i];
  }
}

template <class Plane>
void for_planes(Team& team, const Pool& p, const Plane& plane) {
  const std::int64_t work = std::max(p.source_plane(), p.destination_plane());
  const std::int64_t grain = std::max<std::int64_t>(1, kElementwiseGrain / 4 / std::max<std::int64_t>(1, work));
  team.for_range(p.planes, grain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) plane(i * p.source_plane(), i * p.destination_plane());
  });
}

// Outputs whose maxima are sought together.
constexpr std::int64_t kBlock = 256;

MP_SIMD void seek_row(const float* x, std::int64_t first, std::int64_t stride, float* best, std::int64_t* at,
                      std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) {
    const float value = x[first + i * stride];
    const bool wins = value > best[i] || at[i] < 0 || (value != value && best[i] == best[i]);
    best[i] = wins ? value : best[i];
    at[i] = wins ? first + i * stride : at[i];
  }
}

// dX of one plane: each output's gradient to the first maximum of its window, in row-major order (taps are visited in
// that order, and a later one wins only where it is larger).
void max_gradient(const Pool& p, const float* dy, const float* x, float* dx) {
  std::fill_n(dx, p.source_plane(), 0.0F);
  std::array<float, kBlock> best;
  std::array<std::int64_t, kBlock> at;
  for (std::int64_t oh = 0; oh < p.destination[0]; ++oh) {
    for (std::int64_t block = 0; block < p.destination[1]; block += kBlock) {
      const std::int64_t end = std::min(block + kBlock, p.destination[1]);
      best.fill(-HUGE_VALF);
      at.fill(-1);
      for_row_taps(p, oh, [&](std::int64_t ih, std::int64_t tap, Range r) {
        const std::int64_t begin = std::max(r.begin, block);
        const auto place = static_cast<std::size_t>(begin - block);
        seek_row(x, ih * p.source[1] + p.under(1, begin, tap), p.window.strides[1], best.data() + place,
                 at.data() + place, std::min(r.end, end) - begin);
      });
      for (std::int64_t ow = block; ow < end; ++ow) {
        const std::int64_t place = at[static_cast<std::size_t>(ow - block)];
        if (place >= 0) dx[place] += dy[oh * p.destination[1] + ow];
      }
    }
  }
}

// Taps of an output that lie on the source or its padding; a window that ceil_mode lets reach beyond has fewer.
std::int64_t taps_over_padding(const Pool& p, std::size_t axis, std::int64_t at) {
  const std::int64_t end = p.source[axis] + p.window.pads_end[axis];
  std::int64_t taps = 0;
  for (std::int64_t tap = 0; tap < p.window.kernel[axis]; ++tap) taps += p.under(axis, at, tap) < end ? 1 : 0;
  return taps;
}

// 1 / how many elements each output of a plane averages.
std::vector<float> weights_of(const Pool& p, bool include_padding) {
  std::vector<float> counts(static_cast<std::size_t>(p.destination_plane()), 0.0F);
  if (include_padding) {
    for (std::int64_t i = 0; i < p.destination_plane(); ++i) {
      const std::int64_t taps =
          taps_over_padding(p, 0, i / p.destination[1]) * taps_over_padding(p, 1, i % p.destination[1]);
      counts[static_cast<std::size_t>(i)] = static_cast<float>(taps);
    }
  } else {
    for_taps(p, [&](std::int64_t oh, std::int64_t, std::int64_t, Range r) {
      for (std::int64_t ow = r.begin; ow < r.end; ++ow)
        counts[static_cast<std::size_t>(oh * p.destination[1] + ow)] += 1.0F;
    });
  }
  for (float& count : counts) count = count > 0.0F ? 1.0F / count : 0.0F;
  return counts;
}

bool includes_padding(const KernelCall& call) { return call.attributes().get_int("count_include_pad", 0) != 0; }

}  // namespace

KernelPointer make_max_pool(const KernelCall& call) {
  if (call.input(0).type != DataType::kFloat32) call.refuse_type(call.input(0).type);
  const Pool p = pool_of(call, call.input(0).shape, call.output(0).shape);
  if (call.input_layout(0) == Layout::kBlocked) return make_blocked_max_pool(call, p);
  return function_kernel([&team = call.team, p](const Operands& io) {
    for_planes(team, p, [&](std::int64_t source, std::int64_t destination) {
      float* y = io.out(0) + destination;
      std::fill_n(y, p.destination_plane(), -HUGE_VALF);
      for_taps(p, [&](std::int64_t oh, std::int64_t ih, std::int64_t tap, Range r) {
        const float* x = io.in(0) + source + ih * p.source[1] + p.under(1, r.begin, tap);
        max_row(x, p.window.strides[1], y + oh * p.destination[1] + r.begin, r.end - r.begin);
      });
    });
  });
}

KernelPointer make_max_pool_grad(const KernelCall& call) {
  const Pool p = pool_of(call, call.input(1).shape, call.input(0).shape);
  if (call.input_layout(1) == Layout::kBlocked) return make_blocked_max_pool_grad(call, p);
  return function_kernel([&team = call.team, p](const Operands& io) {
    for_planes(team, p, [&](std::int64_t source, std::int64_t destination) {
      max_gradient(p, io.in(0) + destination, io.in(1) + source, io.out(0) + source);
    });
  });
}

KernelPointer make_average_pool(const KernelCall& call) {
  if (call.input(0).type != DataType::kFloat32) call.refuse_type(call.input(0).type);
  const Pool p = pool_of(call, call.input(0).shape, call.output(0).shape);
  return function_kernel([&team = call.team, p, weights = weights_of(p, includes_padding(call))](const Operands& io) {
    for_planes(team, p, [&](std::int64_t source, std::int64_t destination) {
      float* y = io.out(0) + destination;
      std::fill_n(y, p.destination_plane(), 0.0F);
      for_taps(p, [&](std::int64_t oh, std::int64_t ih, std::int64_t tap, Range r) {
        const float* x = io.in(0) + source + ih * p.source[1] + p.under(1, r.begin, tap);
        add_row(x, p.window.strides[1], y + oh * p.destination[1] + r.begin, r.end - r.begin);
      });
      for (std::size_t i = 0; i < weights.size(); ++i) y[i] *= weights[i];
    });
  });
}

KernelPointer make_average_pool_grad(const KernelCall& call) {
  const Pool p = pool_of(call, call.output(0).shape, call.input(0).shape);
  return function_kernel([&team = call.team, p, weights = weights_of(p, includes_padding(call))](const Operands& io) {
    for_planes(team, p, [&](std::int64_t source, std::int64_t destination) {
      float* dx = io.out(0) + source;
      std::fill_n(dx, p.source_plane(), 0.0F);
      for_taps(p, [&](std::int64_t oh, std::int64_t ih, std::int64_t tap, Range r) {
        const std::int64_t at = oh * p.destination[1] + r.begin;
        spread_row(io.in(0) + destination + at, weights.data() + at, dx + ih * p.source[1] + p.under(1, r.begin, tap),
                   p.window.strides[1], r.end - r.begin);
      });
    });
  });
}

KernelPointer make_global_average_pool(const KernelCall& call) {
  if (call.input(0).type != DataType::kFloat32) call.refuse_type(call.input(0).type);
  const std::int64_t planes = elements(call.output(0).shape);
  const std::int64_t plane = elements(call.input(0).shape) / std::max<std::int64_t>(1, planes);
  if (call.input_layout(0) == Layout::kBlocked) {
    return function_kernel([&team = call.team, planes, plane](const Operands& io) {
      team.for_each(planes / kChannelBlock, [&](std::int64_t block, int) {
        const float* x = io.in(0) + block * kChannelBlock * plane;
        BlockSums sums;
        add_block_products(x, x, plane, sums);
        for (std::size_t c = 0; c < kChannelBlock; ++c) {
          io.out(0)[block * kChannelBlock + static_cast<std::int64_t>(c)] =
              static_cast<float>(sums.first[c] / static_cast<double>(plane));
        }
      });
    });
  }
  return function_kernel([&team = call.team, planes, plane](const Operands& io) {
    const std::int64_t grain = std::max<std::int64_t>(1, kElementwiseGrain / plane);
    team.for_range(planes, grain, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) {
        io.out(0)[i] = static_cast<float>(sum(io.in(0) + i * plane, plane) / static_cast<double>(plane));
      }
    });
  });
}

KernelPointer make_global_average_pool_grad(const KernelCall& call) {
  const std::int64_t planes = elements(call.input(0).shape);
  const std::int64_t plane = elements(call.output(0).shape) / std::max<std::int64_t>(1, planes);
  if (call.output_layout(0) == Layout::kBlocked) {
    return function_kernel([&team = call.team, planes, plane](const Operands& io) {
      team.for_each(planes / kChannelBlock, [&](std::int64_t block, int) {
        const float* dy = io.in(0) + block * kChannelBlock;
        float* dx = io.out(0) + block * kChannelBlock * plane;
        for (std::int64_t i = 0; i < plane * kChannelBlock; ++i) {
          dx[i] = dy[i % kChannelBlock] / static_cast<float>(plane);
        }
      });
    });
  }
  return function_kernel([&team = call.team, planes, plane](const Operands& io) {
    const std::int64_t grain = std::max<std::int64_t>(1, kElementwiseGrain / plane);
    team.for_range(planes, grain, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) {
        std::fill_n(io.out(0) + i * plane, plane, io.in(0)[i] / static_cast<float>(plane));
      }
    });
  });
}

}  // namespace mp::runtime::cpu
