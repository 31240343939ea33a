// Any operator: its operands widened to float32, its float32 kernel, its results rounded.
#include <cstdint>
#include <memory>
#include <vector>

#include "runtime/cpu/bfloat16/convert.hpp"
#include "runtime/cpu/bfloat16/kernels.hpp"
#include "runtime/cpu/bfloat16/twin.hpp"

namespace mp::runtime::cpu {
namespace {

// An operand that is bfloat16: where it is widened to.
struct Widened {
  std::size_t position = 0;
  std::int64_t size = 0;  // elements
  std::size_t offset_bytes = 0;
};

constexpr std::size_t kAlignment = 64;

class WidenedKernel final : public Kernel {
 public:
  WidenedKernel(const KernelCall& call, SharedScratch& widened)
      : team_(call.team),
        widened_(widened),
        kernel_(make_twin_kernel(call, widened_twin(call), {.team = call.team, .scratch = call.scratch})) {
    for (std::size_t i = 0; i < call.node.inputs.size(); ++i) {
      if (call.has_input(i)) add(inputs_, i, call.input(i));
    }
    for (std::size_t i = 0; i < call.node.outputs.size(); ++i) {
      if (call.has_output(i)) add(outputs_, i, call.output(i));
    }
    input_places_.resize(call.node.inputs.size());
    output_places_.resize(call.node.outputs.size());
    widened_.reserve(size_bytes_);
  }

  void run(std::span<const void* const> inputs, std::span<void* const> outputs, const StepContext& context) override {
    input_places_.assign(inputs.begin(), inputs.end());
    output_places_.assign(outputs.begin(), outputs.end());
    for (const Widened& operand : inputs_) {
      float* place = place_of(operand);
      widen(team_, static_cast<const std::uint16_t*>(inputs[operand.position]), place, operand.size);
      input_places_[operand.position] = place;
    }
    for (const Widened& operand : outputs_) output_places_[operand.position] = place_of(operand);
    kernel_->run(input_places_, output_places_, context);
    for (const Widened& operand : outputs_) {
      narrow(team_, place_of(operand), static_cast<std::uint16_t*>(outputs[operand.position]), operand.size);
    }
  }

  [[nodiscard]] std::int64_t workspace_bytes() const override { return kernel_->workspace_bytes(); }

 private:
  void add(std::vector<Widened>& operands, std::size_t position, const TensorType& type) {
    if (type.type != DataType::kBfloat16) return;
    const std::int64_t size = elements(type.shape);
    operands.push_back({position, size, size_bytes_});
    size_bytes_ += (static_cast<std::size_t>(size) * sizeof(float) + kAlignment - 1) / kAlignment * kAlignment;
  }

  [[nodiscard]] float* place_of(const Widened& operand) const {
    return reinterpret_cast<float*>(widened_.data() + operand.offset_bytes);
  }

  Team& team_;
  SharedScratch& widened_;
  std::unique_ptr<Kernel> kernel_;
  std::vector<Widened> inputs_;
  std::vector<Widened> outputs_;
  std::vector<const void*> input_places_;
  std::vector<void*> output_places_;
  std::size_t size_bytes_ = 0;
};

}  // namespace

std::unique_ptr<Kernel> make_widened_kernel(const KernelCall& call, SharedScratch& widened) {
  return std::make_unique<WidenedKernel>(call, widened);
}

}  // namespace mp::runtime::cpu
