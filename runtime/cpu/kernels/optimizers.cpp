// SgdUpdate, AdamUpdate: w, m, v are updated where they lie, and a copy of w, where there is one, is rounded anew. The
// last input, if it is there, is the gradient's factor.
#include <cmath>
#include <cstdint>

#include "runtime/cpu/bfloat16/convert.hpp"
#include "runtime/cpu/kernels/kernels.hpp"
#include "runtime/cpu/simd.hpp"
#include "runtime/semantics/adam.hpp"

namespace mp::runtime::cpu {
namespace {

struct Sgd {
  float learning_rate;
  float momentum;
  float weight_decay;
  float gradient_factor;
};

MP_SIMD void sgd(const Sgd& c, float* w, const float* g, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) w[i] -= c.learning_rate * (g[i] * c.gradient_factor + c.weight_decay * w[i]);
}

MP_SIMD void sgd_momentum(const Sgd& c, float* __restrict w, const float* __restrict g, float* __restrict v,
                          std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) {
    v[i] = c.momentum * v[i] + (g[i] * c.gradient_factor + c.weight_decay * w[i]);
    w[i] -= c.learning_rate * v[i];
  }
}

MP_SIMD void adam(const AdamConstants& c, float factor, float* __restrict w, const float* __restrict gradient,
                  float* __restrict m, float* __restrict v, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) {
    const float g = gradient[i] * factor + c.gradient_decay * w[i];
    m[i] = c.beta1 * m[i] + c.one_minus_beta1 * g;
    v[i] = c.beta2 * v[i] + c.one_minus_beta2 * g * g;
    w[i] = c.weight_factor * w[i] - c.rate * m[i] / (std::sqrt(v[i]) * c.root_factor + c.epsilon);
  }
}

float factor_in(const Operands& io, std::size_t input) { return io.in(input) != nullptr ? *io.in(input) : 1.0F; }

}  // namespace

KernelPointer make_sgd_update(const KernelCall& call) {
  const auto momentum = static_cast<float>(call.attributes().get_float("momentum", 0.0));
  const auto decay = static_cast<float>(call.attributes().get_float("weight_decay", 0.0));
  const double rate_factor = call.attributes().get_float("learning_rate_factor", 1.0);
  const std::int64_t size = elements(call.input(0).shape);
  const bool has_velocity = call.has_input(2);
  return function_kernel([&team = call.team, momentum, decay, rate_factor, size, has_velocity](const Operands& io) {
    const Sgd constants{static_cast<float>(io.context.learning_rate * rate_factor), momentum, decay, factor_in(io, 4)};
    team.for_range(size, kElementwiseGrain, [&](std::int64_t begin, std::int64_t end) {
      float* w = io.out(0) + begin;
      const float* g = io.in(1) + begin;
      if (has_velocity) {
        sgd_momentum(constants, w, g, io.out(1) + begin, end - begin);
      } else {
        sgd(constants, w, g, end - begin);
      }
      if (auto* copy = io.out<std::uint16_t>(2)) narrow(w, copy + begin, end - begin);
    });
  });
}

KernelPointer make_adam_update(const KernelCall& call) {
  const AdamAttributes attributes = adam_attributes(call.attributes());
  const std::int64_t size = elements(call.input(0).shape);
  return function_kernel([&team = call.team, attributes, size](const Operands& io) {
    const AdamConstants c = at_step(attributes, io.context);
    const float factor = factor_in(io, 5);
    team.for_range(size, kElementwiseGrain, [&](std::int64_t begin, std::int64_t end) {
      adam(c, factor, io.out(0) + begin, io.in(1) + begin, io.out(1) + begin, io.out(2) + begin, end - begin);
      if (auto* copy = io.out<std::uint16_t>(3)) narrow(io.out(0) + begin, copy + begin, end - begin);
    });
  });
}

}  // namespace mp::runtime::cpu
