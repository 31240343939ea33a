// What the finders of fusions ask of steps.
#pragma once

#include <cstddef>
#include <span>
#include <variant>
#include <vector>

#include "runtime/fusion.hpp"
#include "runtime/gpu/kernel_call.hpp"

namespace mp::runtime::gpu {

// Steps further apart than this are not looked at together.
inline constexpr std::size_t kFarthestStep = 16;

[[nodiscard]] inline const GpuKernel* gpu_kernel(const FusionStep& step) {
  return dynamic_cast<const GpuKernel*>(step.kernel);
}

// Null: a kernel without one, or none.
template <class Role>
[[nodiscard]] const Role* role_of(const FusionStep& step) {
  const GpuKernel* kernel = gpu_kernel(step);
  return kernel == nullptr ? nullptr : std::get_if<Role>(&kernel->role());
}

[[nodiscard]] inline FusedPart part_of(const FusionStep& step) {
  return {step.kernel, step.inputs.size(), step.outputs.size()};
}

[[nodiscard]] bool overlap(const std::vector<MemoryRange>& a, const std::vector<MemoryRange>& b);

// Where each step is done: at its own place, until it is fused with others. Every move is checked against whatever is
// done between the old place and the new one, fusions that are there already included.
class StepOrder {
 public:
  explicit StepOrder(std::span<const FusionStep> steps);
  // Not part of a fusion.
  [[nodiscard]] bool is_free(std::size_t step) const { return is_free_[step]; }
  // Whether a step that is free can be done at another place, but for those of `together`, which move there with it.
  [[nodiscard]] bool can_move(std::size_t step, std::size_t to, std::span<const std::size_t> together) const;
  void fuse(std::span<const std::size_t> steps, std::size_t at);

 private:
  std::span<const FusionStep> steps_;
  std::vector<bool> is_free_;
  std::vector<std::vector<std::size_t>> done_at_;  // by place: the steps
};

// All of the first `inputs` inputs, and output 0.
[[nodiscard]] bool all_bfloat16(const FusionStep& step, std::size_t inputs);
// Of a kernel of this folder.
[[nodiscard]] bool is_bfloat16_output(const FusionStep& step, std::size_t output);
// One node alone reads the output, once: where `reader` reads its memory, before it is written again, `reader` is it.
[[nodiscard]] bool is_read_once(const FusionStep& step, std::size_t output);

}  // namespace mp::runtime::gpu
