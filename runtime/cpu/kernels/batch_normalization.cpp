// BatchNormalization and its gradients over X[N, C, …]: statistics of every channel over all else, in float64.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <vector>

#include "runtime/cpu/kernels/blocked_rows.hpp"
#include "runtime/cpu/kernels/kernels.hpp"
#include "runtime/cpu/simd.hpp"
#include "runtime/cpu/sums.hpp"

namespace mp::runtime::cpu {
namespace {

struct Channels {
  std::int64_t batch = 1;
  std::int64_t channels = 1;
  std::int64_t plane = 1;
  bool is_blocked = false;

  Channels(const Shape& shape, Layout layout)
      : batch(shape[0]), channels(shape[1]), is_blocked(layout == Layout::kBlocked) {
    for (std::size_t i = 2; i < shape.size(); ++i) plane *= shape[i];
  }
  [[nodiscard]] double count() const { return static_cast<double>(batch * plane); }
  [[nodiscard]] std::int64_t grain() const { return std::max<std::int64_t>(1, kElementwiseGrain / plane); }
};

struct Sums {
  double first = 0.0;
  double second = 0.0;
};

constexpr std::int64_t kChannelsTogether = 64;  // where the elements of a channel lie apart

MP_SIMD void add_products(const float* a, const float* b, double* first, double* second, std::int64_t n) {
  for (std::int64_t c = 0; c < n; ++c) {
    first[c] += static_cast<double>(a[c]);
    second[c] += static_cast<double>(a[c]) * static_cast<double>(b[c]);
  }
}

// finish(c, {Σ a, Σ a·b}) of every channel, blocks of channels side by side.
template <class Finish>
void block_sums(Team& team, const Channels& s, const float* a, const float* b, const Finish& finish) {
  team.for_each(s.channels / kChannelBlock, [&](std::int64_t block, int) {
    BlockSums sums;
    for (std::int64_t n = 0; n < s.batch; ++n) {
      const std::int64_t at = (n * s.channels + block * kChannelBlock) * s.plane;
      add_block_products(a + at, b + at, s.plane, sums);
    }
    for (std::int64_t c = 0; c < kChannelBlock; ++c) {
      const auto at = static_cast<std::size_t>(c);
      finish(block * kChannelBlock + c, Sums{sums.first[at], sums.second[at]});
    }
  });
}

// finish(c, {Σ a, Σ a·b}) of every channel.
template <class Finish>
void channel_sums(Team& team, const Channels& s, const float* a, const float* b, const Finish& finish) {
  if (s.is_blocked) return block_sums(team, s, a, b, finish);
  if (s.plane == 1) {  // a channel's elements lie apart: a block of channels at once
    team.for_range(s.channels, kChannelsTogether, [&](std::int64_t begin, std::int64_t end) {
      std::array<double, kChannelsTogether> first{};
      std::array<double, kChannelsTogether> second{};
      for (std::int64_t n = 0; n < s.batch; ++n) {
        const std::int64_t at = n * s.channels + begin;
        add_products(a + at, b + at, first.data(), second.data(), end - begin);
      }
      for (std::int64_t c = begin; c < end; ++c) {
        const auto at = static_cast<std::size_t>(c - begin);
        finish(c, Sums{first[at], second[at]});
      }
    });
    return;
  }
  const std::int64_t grain = std::max<std::int64_t>(1, kElementwiseGrain / (s.batch * s.plane));
  team.for_range(s.channels, grain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t c = begin; c < end; ++c) {
      Sums sums;
      for (std::int64_t n = 0; n < s.batch; ++n) {
        const std::int64_t at = (n * s.channels + c) * s.plane;
        sums.first += sum(a + at, s.plane);
        sums.second += dot(a + at, b + at, s.plane);
      }
      finish(c, sums);
    }
  });
}

// visit(first channel, first element) of every block of every image.
template <class Visit>
void for_blocks(Team& team, const Channels& s, const Visit& visit) {
  const std::int64_t blocks = s.channels / kChannelBlock;
  const std::int64_t grain = std::max<std::int64_t>(1, kElementwiseGrain / (s.plane * kChannelBlock));
  team.for_range(s.batch * blocks, grain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) visit(i % blocks * kChannelBlock, i * kChannelBlock * s.plane);
  });
}

// y ← factor·x + shift of each channel; with plane 1 the constants run along with the elements.
struct Affine {
  std::vector<float> factor;
  std::vector<float> shift;
  explicit Affine(std::int64_t channels)
      : factor(static_cast<std::size_t>(channels)), shift(static_cast<std::size_t>(channels)) {}
  void set(std::int64_t c, double f, double s) {
    factor[static_cast<std::size_t>(c)] = static_cast<float>(f);
    shift[static_cast<std::size_t>(c)] = static_cast<float>(s);
  }
};

MP_SIMD void affine_row(const float* x, float factor, float shift, float* y, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) y[i] = factor * x[i] + shift;
}

MP_SIMD void affine_channels(const float* x, const float* factor, const float* shift, float* y, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) y[i] = factor[i] * x[i] + shift[i];
}

void apply(Team& team, const Channels& s, const Affine& affine, const float* x, float* y) {
  if (s.is_blocked) {
    for_blocks(team, s, [&](std::int64_t c, std::int64_t at) {
      affine_block(x + at, affine.factor.data() + c, affine.shift.data() + c, y + at, s.plane);
    });
    return;
  }
  if (s.plane == 1) {
    const std::int64_t grain = std::max<std::int64_t>(1, kElementwiseGrain / s.channels);
    team.for_range(s.batch, grain, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t n = begin; n < end; ++n) {
        affine_channels(x + n * s.channels, affine.factor.data(), affine.shift.data(), y + n * s.channels, s.channels);
      }
    });
    return;
  }
  team.for_range(s.batch * s.channels, s.grain(), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row) {
      const auto c = static_cast<std::size_t>(row % s.channels);
      affine_row(x + row * s.plane, affine.factor[c], affine.shift[c], y + row * s.plane, s.plane);
    }
  });
}

struct TrainingConstants {
  double epsilon;
  double momentum;
};

// Batch statistics into the outputs, running ones moved towards them, and the affine map that normalises.
void take_statistics(Team& team, const Channels& s, const TrainingConstants& k, const Operands& io, Affine& affine) {
  const float* x = io.in(0);
  channel_sums(team, s, x, x, [&](std::int64_t c, const Sums& sums) {
    const double mean = sums.first / s.count();
    const double variance = std::max(0.0, sums.second / s.count() - mean * mean);
    const double inverse = 1.0 / std::sqrt(variance + k.epsilon);
    const double factor = inverse * static_cast<double>(io.in(1)[c]);
    affine.set(c, factor, static_cast<double>(io.in(2)[c]) - mean * factor);
    const auto moved = [&](double old, double now) {
      return static_cast<float>(k.momentum * old + (1.0 - k.momentum) * now);
    };
    if (io.out(1) != nullptr) io.out(1)[c] = moved(static_cast<double>(io.in(3)[c]), mean);
    if (io.out(2) != nullptr) io.out(2)[c] = moved(static_cast<double>(io.in(4)[c]), variance);
    if (io.out(3) != nullptr) io.out(3)[c] = static_cast<float>(mean);
    if (io.out(4) != nullptr) io.out(4)[c] = static_cast<float>(inverse);
  });
}

// dX = scale·inv·(dY − dB/n − x̂·dscale/n)
MP_SIMD void input_gradient_row(const float* dy, const float* x, const std::array<float, 4>& k, float* dx,
                                std::int64_t n) {
  const float mean = k[0];
  const float outer = k[1];
  const float shift = k[2];
  const float slope = k[3];
  for (std::int64_t i = 0; i < n; ++i) dx[i] = outer * (dy[i] - shift - (x[i] - mean) * slope);
}

}  // namespace

KernelPointer make_batch_normalization(const KernelCall& call) {
  if (call.input(0).type != DataType::kFloat32) call.refuse_type(call.input(0).type);
  const Channels s(call.input(0).shape, call.input_layout(0));
  const TrainingConstants k{call.attributes().get_float("epsilon", 1e-5), call.attributes().get_float("momentum", 0.9)};
  const bool is_training = call.attributes().get_int("training_mode", 0) != 0;
  return function_kernel(
      [&team = call.team, s, k, is_training, affine = Affine(s.channels)](const Operands& io) mutable {
        if (is_training) {
          take_statistics(team, s, k, io, affine);
        } else {
          for (std::int64_t c = 0; c < s.channels; ++c) {
            const double factor =
                static_cast<double>(io.in(1)[c]) / std::sqrt(static_cast<double>(io.in(4)[c]) + k.epsilon);
            affine.set(c, factor, static_cast<double>(io.in(2)[c]) - static_cast<double>(io.in(3)[c]) * factor);
          }
        }
        apply(team, s, affine, io.in(0), io.out(0));
      });
}

KernelPointer make_batch_normalization_weight_grad(const KernelCall& call) {
  const Channels s(call.input(1).shape, call.input_layout(1));
  return function_kernel([&team = call.team, s](const Operands& io) {
    channel_sums(team, s, io.in(0), io.in(1), [&](std::int64_t c, const Sums& sums) {
      // Σ dY·x̂ = inv·(Σ dY·x − mean·Σ dY)
      const double projected = sums.second - static_cast<double>(io.in(2)[c]) * sums.first;
      if (io.out(0) != nullptr) io.out(0)[c] = static_cast<float>(projected * static_cast<double>(io.in(3)[c]));
      if (io.out(1) != nullptr) io.out(1)[c] = static_cast<float>(sums.first);
    });
  });
}

KernelPointer make_batch_normalization_input_grad(const KernelCall& call) {
  const Channels s(call.input(1).shape, call.input_layout(1));
  return function_kernel([&team = call.team, s](const Operands& io) {
    const auto n = static_cast<float>(s.count());
    const auto constants = [&](std::int64_t c) {
      const float inverse = io.in(4)[c];
      return std::array<float, 4>{io.in(3)[c], io.in(2)[c] * inverse, io.in(6)[c] / n, io.in(5)[c] / n * inverse};
    };
    if (s.is_blocked) {
      for_blocks(team, s, [&](std::int64_t first, std::int64_t at) {
        BlockConstants k{};
        for (std::int64_t c = 0; c < kChannelBlock; ++c) {
          const std::array<float, 4> own = constants(first + c);
          for (std::size_t i = 0; i < own.size(); ++i) k[i][static_cast<std::size_t>(c)] = own[i];
        }
        input_gradient_block(io.in(0) + at, io.in(1) + at, k, io.out(0) + at, s.plane);
      });
      return;
    }
    team.for_range(s.batch * s.channels, s.grain(), [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t row = begin; row < end; ++row) {
        input_gradient_row(io.in(0) + row * s.plane, io.in(1) + row * s.plane, constants(row % s.channels),
                           io.out(0) + row * s.plane, s.plane);
      }
    });
  });
}

}  // namespace mp::runtime::cpu
