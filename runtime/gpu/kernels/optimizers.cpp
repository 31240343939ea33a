// SgdUpdate, AdamUpdate: w, m, v are updated where they lie.
#include <cmath>

#include "runtime/gpu/kernels/kernels.hpp"
#include "runtime/gpu/kernels/sequence.hpp"

namespace mp::runtime::gpu {
namespace {

struct AdamAttributes {
  double beta1, beta2, epsilon, weight_decay;
  bool is_decoupled;
};

AdamConstants at_step(const AdamAttributes& a, const StepContext& context) {
  const double t = static_cast<double>(context.step) + 1.0;
  AdamConstants c{};
  c.beta1 = static_cast<float>(a.beta1);
  c.beta2 = static_cast<float>(a.beta2);
  c.one_minus_beta1 = static_cast<float>(1.0 - a.beta1);
  c.one_minus_beta2 = static_cast<float>(1.0 - a.beta2);
  c.rate = static_cast<float>(context.learning_rate / (1.0 - std::pow(a.beta1, t)));
  c.root_factor = static_cast<float>(1.0 / std::sqrt(1.0 - std::pow(a.beta2, t)));
  c.epsilon = static_cast<float>(a.epsilon);
  c.gradient_decay = a.is_decoupled ? 0.0F : static_cast<float>(a.weight_decay);
  c.weight_factor = a.is_decoupled ? static_cast<float>(1.0 - context.learning_rate * a.weight_decay) : 1.0F;
  return c;
}

}  // namespace

KernelPointer make_sgd_update(const KernelCall& call) {
  const auto momentum = static_cast<float>(call.attributes().get_float("momentum", 0.0));
  const auto decay = static_cast<float>(call.attributes().get_float("weight_decay", 0.0));
  const std::int64_t size = elements(call.input(0).shape);
  const bool has_velocity = call.has_input(2);
  const std::size_t slot =
      call.device.step_values().add(sizeof(SgdConstants), [momentum, decay](const StepContext& context, void* to) {
        *static_cast<SgdConstants*>(to) = {static_cast<float>(context.learning_rate), momentum, decay};
      });
  return function_kernel(call, [&device = call.device, size, has_velocity, slot](const Operands& io) {
    const auto* constants = static_cast<const SgdConstants*>(device.step_value(slot, io.context));
    for_items(device.queue(), size, SgdItem{constants, io.real_out(0), io.real(1), has_velocity ? io.out(1) : nullptr});
  });
}

KernelPointer make_adam_update(const KernelCall& call) {
  const Attributes& attributes = call.attributes();
  const AdamAttributes adam{attributes.get_float("beta1", 0.9), attributes.get_float("beta2", 0.999),
                            attributes.get_float("epsilon", 1e-8), attributes.get_float("weight_decay", 0.0),
                            attributes.get_int("decoupled", 0) != 0};
  const std::int64_t size = elements(call.input(0).shape);
  const std::size_t slot = call.device.step_values().add(
      sizeof(AdamConstants),
      [adam](const StepContext& context, void* to) { *static_cast<AdamConstants*>(to) = at_step(adam, context); });
  return function_kernel(call, [&device = call.device, size, slot](const Operands& io) {
    const auto* constants = static_cast<const AdamConstants*>(device.step_value(slot, io.context));
    for_items(device.queue(), size, AdamItem{constants, io.real_out(0), io.real(1), io.out(1), io.out(2)});
  });
}

}  // namespace mp::runtime::gpu
