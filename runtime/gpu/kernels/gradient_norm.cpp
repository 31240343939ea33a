// GradientL2, GradientNorm: the norm of all gradients together, summed in an order that no placement changes.
#include "runtime/gpu/kernels/gradient_norm.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include "runtime/gpu/kernels/kernels.hpp"
#include "runtime/gpu/operand_table.hpp"

namespace mp::runtime::gpu {
namespace {

// The norms of all tensors in one launch.
class GradientL2 {
 public:
  GradientL2(Device& device, std::vector<SquaredTensor> tensors)
      : device_(&device), tensors_(std::move(tensors)), table_(device, tensors_.size()) {
    for (SquaredTensor& tensor : tensors_) {
      tensor.first_chunk = norms_;
      norms_ += norms_of(tensor.size);
    }
  }
  [[nodiscard]] std::int64_t workspace_bytes() const { return table_.size_bytes(); }

  void run(const Operands& io) {
    const SquaredTensor* rows = table_.rows(io.inputs, io.outputs, [&] {
      for (std::size_t i = 0; i < tensors_.size(); ++i) tensors_[i].x.data = io.inputs[i];
      return tensors_;
    });
    const auto count = static_cast<std::int64_t>(tensors_.size());
    for_rows(device_->queue(), norms_, kSquaresWidth, NormRow{rows, count, io.out(0)});
  }

 private:
  Device* device_;
  std::vector<SquaredTensor> tensors_;
  OperandTable<SquaredTensor> table_;
  std::int64_t norms_ = 0;
};

}  // namespace

KernelPointer make_gradient_l2(const KernelCall& call) {
  std::vector<SquaredTensor> tensors;
  for (std::size_t i = 0; i < call.node.inputs.size(); ++i) {
    call.require_real(call.input(i).type);
    const std::int64_t size = elements(call.input(i).shape);
    tensors.push_back({.first_chunk = 0, .size = size, .x = {nullptr, call.input(i).type == DataType::kBfloat16}});
  }
  GradientL2 norms(call.device, std::move(tensors));
  const std::int64_t workspace = norms.workspace_bytes();
  return function_kernel(
      call, [norms](const Operands& io) mutable { norms.run(io); }, workspace);
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
        for_rows(device.queue(), 1, kSquaresWidth,
                 ClipRow{norms, reinterpret_cast<const std::int64_t*>(scratch.get()), count, clip_norm, io.out(0),
                         io.out(1)});
      },
      workspace);
}

}  // namespace mp::runtime::gpu
