// SgdUpdate, AdamUpdate: w, m, v are updated where they lie. Behind them may stand a factor of the gradient (a float32
// scalar) and a bfloat16 copy of w: both are known by their types.
#include <cmath>

#include "runtime/gpu/kernels/kernels.hpp"
#include "runtime/gpu/kernels/sequence.hpp"

namespace mp::runtime::gpu {
namespace {

struct AdamAttributes {
  double beta1, beta2, epsilon, weight_decay, learning_rate_factor;
  bool is_decoupled;
};

AdamConstants at_step(const AdamAttributes& a, const StepContext& context) {
  const double t = static_cast<double>(context.step) + 1.0;
  const double rate = context.learning_rate * a.learning_rate_factor;
  AdamConstants c{};
  c.beta1 = static_cast<float>(a.beta1);
  c.beta2 = static_cast<float>(a.beta2);
  c.one_minus_beta1 = static_cast<float>(1.0 - a.beta1);
  c.one_minus_beta2 = static_cast<float>(1.0 - a.beta2);
  c.rate = static_cast<float>(rate / (1.0 - std::pow(a.beta1, t)));
  c.root_factor = static_cast<float>(1.0 / std::sqrt(1.0 - std::pow(a.beta2, t)));
  c.epsilon = static_cast<float>(a.epsilon);
  c.gradient_decay = a.is_decoupled ? 0.0F : static_cast<float>(a.weight_decay);
  c.weight_factor = a.is_decoupled ? static_cast<float>(1.0 - rate * a.weight_decay) : 1.0F;
  return c;
}

constexpr std::size_t kNowhere = 64;

// The positions, from the first behind the operands on, of the factor among the inputs and of the copy among the
// outputs.
std::size_t factor_input(const KernelCall& call, std::size_t first) {
  for (std::size_t i = first; i < call.node.inputs.size(); ++i) {
    if (call.has_input(i) && call.input(i).type == DataType::kFloat32 && call.input(i).shape.empty()) return i;
  }
  return kNowhere;
}
std::size_t copy_output(const KernelCall& call, std::size_t first) {
  for (std::size_t i = first; i < call.node.outputs.size(); ++i) {
    if (call.has_output(i) && call.output(i).type == DataType::kBfloat16) return i;
  }
  return kNowhere;
}
Reals copy_of(const Operands& io, std::size_t output) { return output == kNowhere ? Reals{} : io.real_out(output); }

}  // namespace

KernelPointer make_sgd_update(const KernelCall& call) {
  const auto momentum = static_cast<float>(call.attributes().get_float("momentum", 0.0));
  const auto decay = static_cast<float>(call.attributes().get_float("weight_decay", 0.0));
  const std::int64_t size = elements(call.input(0).shape);
  const auto rate_factor = call.attributes().get_float("learning_rate_factor", 1.0);
  const bool has_velocity = call.has_input(2);
  const std::size_t factor = factor_input(call, 3);
  const std::size_t copy = copy_output(call, 2);
  const std::size_t slot = call.device.step_values().add(
      sizeof(SgdConstants), [momentum, decay, rate_factor](const StepContext& context, void* to) {
        *static_cast<SgdConstants*>(to) = {static_cast<float>(context.learning_rate * rate_factor), momentum, decay};
      });
  return function_kernel(call, [&device = call.device, size, has_velocity, slot, factor, copy](const Operands& io) {
    const auto* constants = static_cast<const SgdConstants*>(device.step_value(slot, io.context));
    for_items(device.queue(), size,
              SgdItem{constants, io.real_out(0), io.real(1), has_velocity ? io.out(1) : nullptr, io.in(factor),
                      copy_of(io, copy)});
  });
}

KernelPointer make_adam_update(const KernelCall& call) {
  const Attributes& attributes = call.attributes();
  const AdamAttributes adam{attributes.get_float("beta1", 0.9),
                            attributes.get_float("beta2", 0.999),
                            attributes.get_float("epsilon", 1e-8),
                            attributes.get_float("weight_decay", 0.0),
                            attributes.get_float("learning_rate_factor", 1.0),
                            attributes.get_int("decoupled", 0) != 0};
  const std::int64_t size = elements(call.input(0).shape);
  const std::size_t slot = call.device.step_values().add(
      sizeof(AdamConstants),
      [adam](const StepContext& context, void* to) { *static_cast<AdamConstants*>(to) = at_step(adam, context); });
  const std::size_t factor = factor_input(call, 4);
  const std::size_t copy = copy_output(call, 3);
  return function_kernel(call, [&device = call.device, size, slot, factor, copy](const Operands& io) {
    const auto* constants = static_cast<const AdamConstants*>(device.step_value(slot, io.context));
    for_items(device.queue(), size,
              AdamItem{constants, io.real_out(0), io.real(1), io.out(1), io.out(2), io.in(factor), copy_of(io, copy)});
  });
}

}  // namespace mp::runtime::gpu
