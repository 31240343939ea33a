// MeanSquaredError, MeanAbsoluteError, BinaryCrossEntropy and their gradients.
#include "runtime/gpu/kernels/losses.hpp"

#include <algorithm>

#include "runtime/gpu/kernels/kernels.hpp"
#include "runtime/gpu/kernels/sum.hpp"

namespace mp::runtime::gpu {
namespace {

bool is_mean(const KernelCall& call) { return call.attributes().get_string("reduction", "mean") == "mean"; }

KernelPointer loss_kernel(const KernelCall& call, Loss loss) {
  call.require_real(call.input(0).type);
  const std::int64_t size = elements(call.input(0).shape);
  const double factor = is_mean(call) ? 1.0 / static_cast<double>(size) : 1.0;
  const std::int64_t parts = std::clamp<std::int64_t>(size / 4096, 1, 1024);
  const std::int64_t workspace = parts * static_cast<std::int64_t>(sizeof(double));
  const DeviceMemory scratch = call.device.allocate_scratch(workspace);
  return function_kernel(
      call,
      [queue = call.device.queue(), loss, size, factor, parts, scratch](const Operands& io) {
        auto* sums = reinterpret_cast<double*>(scratch.get());
        for_rows(queue, parts, size / parts, LossPartRow{loss, size, parts, io.real(0), io.real(1), sums});
        fold_sums(queue, {sums, 1, parts, factor, io.real_out(0)});
      },
      workspace);
}

KernelPointer gradient_kernel(const KernelCall& call, Loss loss) {
  call.require_real(call.input(1).type);
  const std::int64_t size = elements(call.input(1).shape);
  const float divisor = is_mean(call) ? static_cast<float>(size) : 1.0F;
  return function_kernel(call, [queue = call.device.queue(), loss, size, divisor](const Operands& io) {
    for_items(queue, size, LossGradientItem{loss, divisor, io.real(0), io.real(1), io.real(2), io.real_out(0)});
  });
}

Loss cross_entropy_of(const KernelCall& call) {
  return call.attributes().get_int("logits", 0) != 0 ? Loss::kCrossEntropyOfLogits : Loss::kCrossEntropy;
}

}  // namespace

KernelPointer make_mean_squared_error(const KernelCall& call) { return loss_kernel(call, Loss::kSquared); }
KernelPointer make_mean_squared_error_grad(const KernelCall& call) { return gradient_kernel(call, Loss::kSquared); }
KernelPointer make_mean_absolute_error(const KernelCall& call) { return loss_kernel(call, Loss::kAbsolute); }
KernelPointer make_mean_absolute_error_grad(const KernelCall& call) { return gradient_kernel(call, Loss::kAbsolute); }
KernelPointer make_binary_cross_entropy(const KernelCall& call) { return loss_kernel(call, cross_entropy_of(call)); }
KernelPointer make_binary_cross_entropy_grad(const KernelCall& call) {
  return gradient_kernel(call, cross_entropy_of(call));
}

}  // namespace mp::runtime::gpu
