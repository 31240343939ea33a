// SgdUpdate, AdamUpdate: w, m, v are updated where they lie. Behind them may stand a factor of the gradient (a float32
// scalar) and a bfloat16 copy of w: both are known by their types.
#include "runtime/gpu/kernels/optimizers.hpp"

#include "runtime/gpu/kernels/kernels.hpp"
#include "runtime/semantics/adam.hpp"

namespace mp::runtime::gpu {
namespace {

// The positions, from the first behind the operands on, of the factor among the inputs and of the copy among the
// outputs.
std::size_t factor_input(const KernelCall& call, std::size_t first) {
  for (std::size_t i = first; i < call.node.inputs.size(); ++i) {
    if (call.has_input(i) && call.input(i).type == DataType::kFloat32 && call.input(i).shape.empty()) return i;
  }
  return kNoOperand;
}
std::size_t copy_output(const KernelCall& call, std::size_t first) {
  for (std::size_t i = first; i < call.node.outputs.size(); ++i) {
    if (call.has_output(i) && call.output(i).type == DataType::kBfloat16) return i;
  }
  return kNoOperand;
}
Reals copy_of(const Operands& io, std::size_t output) { return output == kNoOperand ? Reals{} : io.real_out(output); }

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
  return function_kernel(
      call,
      [&device = call.device, size, has_velocity, slot, factor, copy](const Operands& io) {
        const auto* constants = static_cast<const SgdConstants*>(device.step_value(slot, io.context));
        for_items(device.queue(), size,
                  SgdItem{constants, io.real_out(0), io.real(1), has_velocity ? io.out(1) : nullptr, io.in(factor),
                          copy_of(io, copy)});
      },
      0,
      UpdateRole{.is_adam = false,
                 .size = size,
                 .constants = slot,
                 .has_state = has_velocity,
                 .factor = factor,
                 .copy = copy});
}

KernelPointer make_adam_update(const KernelCall& call) {
  const AdamAttributes adam = adam_attributes(call.attributes());
  const std::int64_t size = elements(call.input(0).shape);
  const std::size_t slot = call.device.step_values().add(
      sizeof(AdamConstants),
      [adam](const StepContext& context, void* to) { *static_cast<AdamConstants*>(to) = at_step(adam, context); });
  const std::size_t factor = factor_input(call, 4);
  const std::size_t copy = copy_output(call, 3);
  return function_kernel(
      call,
      [&device = call.device, size, slot, factor, copy](const Operands& io) {
        const auto* constants = static_cast<const AdamConstants*>(device.step_value(slot, io.context));
        for_elements(
            device.queue(), size,
            AdamItem{constants, io.real_out(0), io.real(1), io.out(1), io.out(2), io.in(factor), copy_of(io, copy)});
      },
      0,
      UpdateRole{.is_adam = true, .size = size, .constants = slot, .has_state = true, .factor = factor, .copy = copy});
}

}  // namespace mp::runtime::gpu
