// MaxPool and its gradient over images in blocks of channels: a window at a time, all channels of a block side by side.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>

#include "runtime/cpu/kernels/pool.hpp"
#include "runtime/cpu/simd.hpp"

namespace mp::runtime::cpu {
namespace {

// tap(source pixel) for every tap of output (oh, ow) inside the source, in row-major order.
template <class Tap>
void for_window(const Pool& p, std::int64_t oh, std::int64_t ow, const Tap& tap) {
  for (std::int64_t kh = 0; kh < p.window.kernel[0]; ++kh) {
    const std::int64_t ih = p.under(0, oh, kh);
    if (ih < 0 || ih >= p.source[0]) continue;
    for (std::int64_t kw = 0; kw < p.window.kernel[1]; ++kw) {
      const std::int64_t iw = p.under(1, ow, kw);
      if (iw >= 0 && iw < p.source[1]) tap(ih * p.source[1] + iw);
    }
  }
}

MP_SIMD void max_block(const float* x, float* best) {
  for (std::int64_t c = 0; c < kChannelBlock; ++c) best[c] = x[c] > best[c] || x[c] != x[c] ? x[c] : best[c];
}

// The first maximum wins, NaN over numbers, the first NaN over later ones.
MP_SIMD void seek_block(const float* x, std::int32_t pixel, float* best, std::int32_t* at) {
  for (std::int64_t c = 0; c < kChannelBlock; ++c) {
    const bool wins = x[c] > best[c] || at[c] < 0 || (x[c] != x[c] && best[c] == best[c]);
    best[c] = wins ? x[c] : best[c];
    at[c] = wins ? pixel : at[c];
  }
}

void max_gradient(const Pool& p, const float* dy, const float* x, float* dx) {
  std::fill_n(dx, p.source_plane() * kChannelBlock, 0.0F);
  std::array<float, kChannelBlock> best;
  std::array<std::int32_t, kChannelBlock> at;
  for (std::int64_t oh = 0; oh < p.destination[0]; ++oh) {
    for (std::int64_t ow = 0; ow < p.destination[1]; ++ow) {
      best.fill(-HUGE_VALF);
      at.fill(-1);
      for_window(p, oh, ow, [&](std::int64_t pixel) {
        seek_block(x + pixel * kChannelBlock, static_cast<std::int32_t>(pixel), best.data(), at.data());
      });
      const float* from = dy + (oh * p.destination[1] + ow) * kChannelBlock;
      for (std::int64_t c = 0; c < kChannelBlock; ++c) {
        const std::int64_t pixel = at[static_cast<std::size_t>(c)];
        if (pixel >= 0) dx[pixel * kChannelBlock + c] += from[c];
      }
    }
  }
}

// visit(first source element, first destination element) of every block of channels of every image.
template <class Visit>
void for_blocks(Team& team, const Pool& p, const Visit& visit) {
  team.for_each(p.planes / kChannelBlock, [&](std::int64_t block, int) {
    visit(block * kChannelBlock * p.source_plane(), block * kChannelBlock * p.destination_plane());
  });
}

}  // namespace

KernelPointer make_blocked_max_pool(const KernelCall& call, const Pool& pool) {
  return function_kernel([&team = call.team, p = pool](const Operands& io) {
    for_blocks(team, p, [&](std::int64_t source, std::int64_t destination) {
      const float* x = io.in(0) + source;
      float* y = io.out(0) + destination;
      std::fill_n(y, p.destination_plane() * kChannelBlock, -HUGE_VALF);
      for (std::int64_t o = 0; o < p.destination_plane(); ++o) {
        for_window(p, o / p.destination[1], o % p.destination[1],
                   [&](std::int64_t pixel) { max_block(x + pixel * kChannelBlock, y + o * kChannelBlock); });
      }
    });
  });
}

KernelPointer make_blocked_max_pool_grad(const KernelCall& call, const Pool& pool) {
  return function_kernel([&team = call.team, p = pool](const Operands& io) {
    for_blocks(team, p, [&](std::int64_t source, std::int64_t destination) {
      max_gradient(p, io.in(0) + destination, io.in(1) + source, io.out(0) + source);
    });
  });
}

}  // namespace mp::runtime::cpu
