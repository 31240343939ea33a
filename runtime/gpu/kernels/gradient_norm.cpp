// GradientL2, GradientNorm: the norm of all gradients together, summed in an order that no placement changes.
#include "runtime/gpu/kernels/gradient_norm.hpp"

#include <algorithm>
#include <vector>

#include "runtime/gpu/kernels/kernels.hpp"

namespace mp::runtime::gpu {
namespace {

constexpr std::int64_t kMostParts = 512;

std::int64_t parts_of(std::int64_t size) { return std::clamp<std::int64_t>(size / 8192, 1, kMostParts); }

}  // namespace

KernelPointer make_gradient_l2(const KernelCall& call) {
  std::vector<std::int64_t> sizes;
  std::vector<bool> are_bfloat16;  // of more inputs than OperandTypes has bits for
  for (std::size_t i = 0; i < call.node.inputs.size(); ++i) {
    call.require_real(call.input(i).type);
    sizes.push_back(elements(call.input(i).shape));
    are_bfloat16.push_back(call.input(i).type == DataType::kBfloat16);
  }
  const std::int64_t workspace = kMostParts * static_cast<std::int64_t>(sizeof(double));
  const DeviceMemory scratch = call.device.allocate_scratch(workspace);
  return function_kernel(
      call,
      [queue = call.device.queue(), sizes, are_bfloat16, scratch](const Operands& io) {
        auto* sums = reinterpret_cast<double*>(scratch.get());
        for (std::size_t i = 0; i < sizes.size(); ++i) {
          const std::int64_t parts = parts_of(sizes[i]);
          for_rows(queue, parts, sizes[i] / parts,
                   SquaresRow{sizes[i], parts, {io.in<void>(i), are_bfloat16[i]}, sums});
          for_items(queue, 1, RootItem{sums, parts, io.out(0) + i});
        }
      },
      workspace);
}

KernelPointer make_gradient_norm(const KernelCall& call) {
  const double clip_norm = call.attributes().get_float("clip_norm", 0.0);
  const std::vector<std::int64_t> order = call.attributes().get_ints("order", {});
  const auto count = static_cast<std::int64_t>(order.size());
  std::vector<std::int64_t> sizes;
  for (std::size_t i = 0; i < call.node.inputs.size(); ++i) sizes.push_back(call.input(i).shape[0]);
  const std::int64_t order_bytes = count * static_cast<std::int64_t>(sizeof(std::int64_t));
  const std::int64_t workspace = order_bytes + count * static_cast<std::int64_t>(sizeof(float));
  const DeviceMemory scratch = call.device.allocate_scratch(workspace);
  call.device.upload(scratch.get(), order.data(), order_bytes);
  return function_kernel(
      call,
      [&device = call.device, clip_norm, count, sizes, order_bytes, scratch](const Operands& io) {
        auto* norms = reinterpret_cast<float*>(scratch.get() + order_bytes);
        float* to = norms;
        for (std::size_t i = 0; i < sizes.size(); ++i) {  // all norms side by side
          device.move(to, io.in(i), sizes[i] * static_cast<std::int64_t>(sizeof(float)));
          to += sizes[i];
        }
        for_items(device.queue(), 1,
                  ClipItem{norms, reinterpret_cast<const std::int64_t*>(scratch.get()), count, clip_norm, io.out(0),
                           io.out(1)});
      },
      workspace);
}

}  // namespace mp::runtime::gpu
