// GroupNormalization, InstanceNormalization and their gradients: the channels of a group lie side by side.
#include <algorithm>
#include <cmath>
#include <cstdint>

#include "runtime/cpu/kernels/kernels.hpp"
#include "runtime/cpu/simd.hpp"
#include "runtime/cpu/sums.hpp"

namespace mp::runtime::cpu {
namespace {

struct Groups {
  std::int64_t batch = 1;
  std::int64_t channels = 1;
  std::int64_t groups = 1;
  std::int64_t plane = 1;  // elements of a channel

  [[nodiscard]] std::int64_t size() const { return channels / groups; }  // channels of a group
  [[nodiscard]] std::int64_t width() const { return size() * plane; }    // elements of a group
  [[nodiscard]] std::int64_t count() const { return batch * groups; }
  [[nodiscard]] std::int64_t grain() const { return std::max<std::int64_t>(1, kElementwiseGrain / 2 / width()); }
};

Groups groups_of(const Shape& x, std::int64_t groups) {
  Groups g{.batch = x[0], .channels = x[1], .groups = groups};
  for (std::size_t i = 2; i < x.size(); ++i) g.plane *= x[i];
  return g;
}

// y = a·x + b
MP_SIMD void affine(const float* x, float a, float b, float* y, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) y[i] = a * x[i] + b;
}

struct Slope {
  float dy;  // dX = dy·dY + x·(X − mean) + constant
  float x;
  float mean;
  float constant;
};

MP_SIMD void input_gradient(const float* dy, const float* x, const Slope& s, float* dx, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) dx[i] = s.dy * dy[i] + s.x * (x[i] - s.mean) + s.constant;
}

// Of the group `at` (over batch and groups): dX = inv·(dY·scale − mean(dY·scale) − x̂·mean(dY·scale·x̂))
void differentiate_group(const Groups& g, const Operands& io, std::int64_t at) {
  const double mean = static_cast<double>(io.in(3)[at]);
  const double inverse = static_cast<double>(io.in(4)[at]);
  const float* scale = io.in(2) + at % g.groups * g.size();
  double gradient = 0.0;
  double projected = 0.0;
  for (std::int64_t c = 0; c < g.size(); ++c) {
    const std::int64_t from = at * g.width() + c * g.plane;
    const double weight = static_cast<double>(scale[c]);
    const double total = sum(io.in(0) + from, g.plane);
    gradient += weight * total;
    projected += weight * inverse * (dot(io.in(0) + from, io.in(1) + from, g.plane) - mean * total);
  }
  const double width = static_cast<double>(g.width());
  for (std::int64_t c = 0; c < g.size(); ++c) {
    const std::int64_t from = at * g.width() + c * g.plane;
    const Slope slope{static_cast<float>(inverse * static_cast<double>(scale[c])),
                      static_cast<float>(-inverse * inverse * projected / width), static_cast<float>(mean),
                      static_cast<float>(-inverse * gradient / width)};
    input_gradient(io.in(0) + from, io.in(1) + from, slope, io.out(0) + from, g.plane);
  }
}

KernelPointer make_forward(const KernelCall& call, std::int64_t groups) {
  if (call.input(0).type != DataType::kFloat32) call.refuse_type(call.input(0).type);
  const Groups g = groups_of(call.input(0).shape, groups);
  const double epsilon = call.attributes().get_float("epsilon", 1e-5);
  return function_kernel([&team = call.team, g, epsilon](const Operands& io) {
    const double width = static_cast<double>(g.width());
    team.for_range(g.count(), g.grain(), [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t at = begin; at < end; ++at) {
        const float* x = io.in(0) + at * g.width();
        const double mean = sum(x, g.width()) / width;
        const double inverse = 1.0 / std::sqrt(sum_of_square_deviations(x, mean, g.width()) / width + epsilon);
        for (std::int64_t c = 0; c < g.size(); ++c) {
          const std::int64_t channel = at % g.groups * g.size() + c;
          const double slope = inverse * static_cast<double>(io.in(1)[channel]);
          affine(x + c * g.plane, static_cast<float>(slope),
                 static_cast<float>(static_cast<double>(io.in(2)[channel]) - slope * mean),
                 io.out(0) + at * g.width() + c * g.plane, g.plane);
        }
        if (io.out(1) != nullptr) io.out(1)[at] = static_cast<float>(mean);
        if (io.out(2) != nullptr) io.out(2)[at] = static_cast<float>(inverse);
      }
    });
  });
}

}  // namespace

KernelPointer make_group_normalization(const KernelCall& call) {
  return make_forward(call, call.attributes().get_int("num_groups", 1));
}

KernelPointer make_instance_normalization(const KernelCall& call) { return make_forward(call, call.input(0).shape[1]); }

KernelPointer make_group_normalization_input_grad(const KernelCall& call) {
  const Groups g = groups_of(call.input(1).shape, call.input(3).shape[1]);
  return function_kernel([&team = call.team, g](const Operands& io) {
    team.for_range(g.count(), g.grain(), [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t at = begin; at < end; ++at) differentiate_group(g, io, at);
    });
  });
}

KernelPointer make_group_normalization_weight_grad(const KernelCall& call) {
  const Groups g = groups_of(call.input(1).shape, call.input(2).shape[1]);
  return function_kernel([&team = call.team, g](const Operands& io) {
    const std::int64_t grain = std::max<std::int64_t>(1, kElementwiseGrain / 2 / (g.batch * g.plane));
    team.for_range(g.channels, grain, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t c = begin; c < end; ++c) {
        double scale = 0.0;
        double shift = 0.0;
        for (std::int64_t n = 0; n < g.batch; ++n) {
          const std::int64_t from = (n * g.channels + c) * g.plane;
          const std::int64_t group = n * g.groups + c / g.size();
          const double total = sum(io.in(0) + from, g.plane);
          shift += total;
          scale += static_cast<double>(io.in(3)[group]) *
                   (dot(io.in(0) + from, io.in(1) + from, g.plane) - static_cast<double>(io.in(2)[group]) * total);
        }
        if (io.out(0) != nullptr) io.out(0)[c] = static_cast<float>(scale);
        if (io.out(1) != nullptr) io.out(1)[c] = static_cast<float>(shift);
      }
    });
  });
}

}  // namespace mp::runtime::cpu
