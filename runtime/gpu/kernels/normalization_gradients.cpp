#include "runtime/gpu/kernels/normalization_gradients.hpp"

#include <algorithm>

#include "runtime/gpu/kernel_call.hpp"
#include "runtime/gpu/kernels/normalization_gradient.hpp"

namespace mp::runtime::gpu {
namespace {

constexpr std::int64_t kMostSlices = 1024;  // about eight groups to each multiprocessor of an H100

class NormalizationGradients final : public Kernel {
 public:
  NormalizationGradients(Device& device, const NormalizationGradientRole& role, const NormalizationGradientParts& parts)
      : device_(device), role_(role), parts_(parts), slices_(std::min(role.rows, kMostSlices)) {
    scratch_ = device.allocate_scratch(workspace_bytes());
  }
  [[nodiscard]] std::int64_t workspace_bytes() const override {
    return 2 * slices_ * role_.width * static_cast<std::int64_t>(sizeof(float));
  }

  void run(std::span<const void* const> inputs, std::span<void* const> outputs, const StepContext& context) override {
    Operands rest{inputs, outputs, context, {}};
    const Operands first = take_operands(parts_.weights_come_first ? parts_.weights : parts_.input, rest);
    const Operands second = take_operands(parts_.weights_come_first ? parts_.input : parts_.weights, rest);
    const Operands& input = parts_.weights_come_first ? second : first;
    const Operands& weights = parts_.weights_come_first ? first : second;
    auto* scales = reinterpret_cast<float*>(scratch_.get());
    float* shifts = scales + slices_ * role_.width;
    NormalizeGradientSlice slice{role_.rows,
                                 role_.width,
                                 slices_,
                                 role_.is_rms,
                                 input.real(0),
                                 input.real(1),
                                 input.real(2),
                                 {},
                                 input.real(role_.is_rms ? 3 : 4),
                                 {},
                                 input.real_out(0),
                                 scales,
                                 shifts};
    if (!role_.is_rms) slice.means = input.real(3);
    if (parts_.has_addition) {
      const Operands addition = take_operands(parts_.addition, rest);
      slice.added = addition.real(addition.inputs[0] == input.outputs[0] ? 1 : 0);
      slice.dx = addition.real_out(0);
    }
    for_rows(device_.queue(), slices_, role_.width, slice);
    const Reals dshift = role_.is_rms ? Reals{} : weights.real_out(1);
    for_rows(device_.queue(), role_.width * (dshift ? 2 : 1), slices_,
             FoldWeightGradientsRow{role_.width, slices_, scales, shifts, weights.real_out(0), dshift});
  }

 private:
  Device& device_;
  NormalizationGradientRole role_;
  NormalizationGradientParts parts_;
  std::int64_t slices_;
  DeviceMemory scratch_;
};

}  // namespace

std::unique_ptr<Kernel> make_normalization_gradients(Device& device, const NormalizationGradientRole& role,
                                                     const NormalizationGradientParts& parts) {
  return std::make_unique<NormalizationGradients>(device, role, parts);
}

}  // namespace mp::runtime::gpu
