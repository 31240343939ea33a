// SgdUpdate, AdamUpdate: w, m, v are updated where they lie, and a copy of w, where there is one, is rounded anew. The last
// input, if it is there, is the gradient's factor.
#include <cmath>
#include <cstdint>

#include "runtime/cpu/bfloat16/convert.hpp"
#include "runtime/cpu/kernels/kernels.hpp"
#include "runtime/cpu/simd.hpp"

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

// Constants of one step, with the bias corrections folded in:
// lr·(m/c₁) / (√(v/c₂) + ε) = (lr/c₁)·m / (√v/√c₂ + ε).
struct Adam {
  float beta1;
  float one_minus_beta1;
  float beta2;
  float one_minus_beta2;
  float rate;         // lr / (1 − β₁ᵗ)
  float root_factor;  // 1 / √(1 − β₂ᵗ)
  float epsilon;
  float gradient_factor;
  float gradient_decay;  // added to the gradient
  float weight_factor;   // 1 − lr·decay where decoupled, else 1
};

MP_SIMD void adam(const Adam& c, float* __restrict w, const float* __restrict gradient, float* __restrict m,
                  float* __restrict v, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) {
    const float g = gradient[i] * c.gradient_factor + c.gradient_decay * w[i];
    m[i] = c.beta1 * m[i] + c.one_minus_beta1 * g;
    v[i] = c.beta2 * v[i] + c.one_minus_beta2 * g * g;
    w[i] = c.weight_factor * w[i] - c.rate * m[i] / (std::sqrt(v[i]) * c.root_factor + c.epsilon);
  }
}

struct AdamConstants {
  double beta1, beta2, epsilon, weight_decay, learning_rate_factor;
  bool is_decoupled;
};

float factor_in(const Operands& io, std::size_t input) { return io.in(input) != nullptr ? *io.in(input) : 1.0F; }

Adam at_step(const AdamConstants& a, const Operands& io) {
  const StepContext& context = io.context;
  const double t = static_cast<double>(context.step) + 1.0;
  const double rate = context.learning_rate * a.learning_rate_factor;
  Adam c{};
  c.beta1 = static_cast<float>(a.beta1);
  c.beta2 = static_cast<float>(a.beta2);
  c.one_minus_beta1 = static_cast<float>(1.0 - a.beta1);
  c.one_minus_beta2 = static_cast<float>(1.0 - a.beta2);
  c.rate = static_cast<float>(rate / (1.0 - std::pow(a.beta1, t)));
  c.root_factor = static_cast<float>(1.0 / std::sqrt(1.0 - std::pow(a.beta2, t)));
  c.epsilon = static_cast<float>(a.epsilon);
  c.gradient_factor = factor_in(io, 5);
  c.gradient_decay = a.is_decoupled ? 0.0F : static_cast<float>(a.weight_decay);
  c.weight_factor = a.is_decoupled ? static_cast<float>(1.0 - rate * a.weight_decay) : 1.0F;
  return c;
}

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
  const Attributes& attributes = call.attributes();
  const AdamConstants constants{attributes.get_float("beta1", 0.9), attributes.get_float("beta2", 0.999),
                                attributes.get_float("epsilon", 1e-8), attributes.get_float("weight_decay", 0.0),
                                attributes.get_float("learning_rate_factor", 1.0),
                                attributes.get_int("decoupled", 0) != 0};
  const std::int64_t size = elements(call.input(0).shape);
  return function_kernel([&team = call.team, constants, size](const Operands& io) {
    const Adam c = at_step(constants, io);
    team.for_range(size, kElementwiseGrain, [&](std::int64_t begin, std::int64_t end) {
      adam(c, io.out(0) + begin, io.in(1) + begin, io.out(1) + begin, io.out(2) + begin, end - begin);
      if (auto* copy = io.out<std::uint16_t>(3)) narrow(io.out(0) + begin, copy + begin, end - begin);
    });
  });
}

}  // namespace mp::runtime::cpu
