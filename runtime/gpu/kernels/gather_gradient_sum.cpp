#include "runtime/gpu/kernels/gather_gradient_sum.hpp"

#include "runtime/gpu/kernel_call.hpp"
#include "runtime/gpu/kernels/gather_order.hpp"

namespace mp::runtime::gpu {
namespace {

class GatherGradientSum final : public Kernel {
 public:
  GatherGradientSum(Device& device, const GatherGradientRole& role, const FusedPart& gradient, const FusedPart& sum)
      : device_(device),
        slices_(role.slices),
        order_(device, role.slices, role.fault),
        gradient_(gradient),
        sum_(sum),
        ranges_(device.allocate_scratch(ranges_bytes())) {}
  [[nodiscard]] std::int64_t workspace_bytes() const override { return ranges_bytes() + order_.workspace_bytes(); }

  void run(std::span<const void* const> inputs, std::span<void* const> outputs, const StepContext& context) override {
    Operands rest{inputs, outputs, context, {}};
    const Operands gradient = take_operands(gradient_, rest);
    const Operands sum = take_operands(sum_, rest);
    const Queue queue = device_.queue();
    const auto* indices = gradient.in<std::int64_t>(1);
    auto* ranges = reinterpret_cast<std::int64_t*>(ranges_.get());
    const std::int64_t* order = order_.put_in(indices);
    device_.clear(ranges, ranges_bytes());
    for_items(queue, slices_.indices, GatherRangeItem{slices_, indices, order, ranges});
    const std::size_t other = sum.inputs[0] == gradient.outputs[0] ? 1 : 0;
    for_rows(queue, slices_.outer * slices_.extent, slices_.inner,
             GatherGradientSumRow{slices_, order, ranges, gradient.real(0), sum.real(other), sum.real_out(0)});
  }

 private:
  [[nodiscard]] std::int64_t ranges_bytes() const {
    return 2 * slices_.extent * static_cast<std::int64_t>(sizeof(std::int64_t));
  }

  Device& device_;
  Slices slices_;
  GatherOrder order_;
  FusedPart gradient_;
  FusedPart sum_;
  DeviceMemory ranges_;
};

}  // namespace

std::unique_ptr<Kernel> make_gather_gradient_sum(Device& device, const GatherGradientRole& role,
                                                 const FusedPart& gradient, const FusedPart& sum) {
  return std::make_unique<GatherGradientSum>(device, role, gradient, sum);
}

}  // namespace mp::runtime::gpu
