#include "runtime/gpu/embedding_fusion.hpp"

#include <algorithm>
#include <optional>

#include "runtime/gpu/kernels/gather_gradient_sum.hpp"

namespace mp::runtime::gpu {
namespace {

bool is_float32(const FusionStep& step, std::uint64_t inputs) {
  return (gpu_kernel(step)->types().inputs & inputs) == 0 && !is_bfloat16_output(step, 0);
}

// The sum of the gradient, which nobody else reads, and another; not written over what the gradient is made of. Sums of
// parameters' gradients are no microbatch's.
bool is_sum_of(const FusionStep& step, const FusionStep& gradient) {
  const bool is_of = step.microbatch == gradient.microbatch || step.microbatch < 0;
  if (!is_of || role_of<SumRole>(step) == nullptr || !is_float32(step, 3)) return false;
  const std::byte* dx = gradient.outputs[0].first;
  const bool is_sum = (step.inputs[0].first == dx) != (step.inputs[1].first == dx);
  const bool is_whole = step.outputs[0].size_bytes == gradient.outputs[0].size_bytes;  // not a share of it
  if (!is_sum || !is_whole || overlap(step.outputs, gradient.inputs)) return false;
  const MemoryRange& other = step.inputs[step.inputs[0].first == dx ? 1 : 0];
  return step.outputs[0].first == other.first || !overlap(step.outputs, {other});
}

std::optional<std::size_t> find_sum(std::span<const FusionStep> steps, const StepOrder& order, std::size_t gradient) {
  const std::size_t end = std::min(steps.size(), gradient + 1 + kFarthestStep);
  for (std::size_t j = gradient + 1; j < end && !steps[j].is_barrier; ++j) {
    const bool is_found = order.is_free(j) && is_sum_of(steps[j], steps[gradient]);
    if (is_found) return order.can_move(j, gradient, {}) ? std::optional<std::size_t>(j) : std::nullopt;
  }
  return std::nullopt;
}

}  // namespace

void find_embedding_fusions(Device& device, std::span<const FusionStep> steps, StepOrder& order,
                            std::vector<Fusion>& fusions) {
  for (std::size_t i = 0; i < steps.size(); ++i) {
    const auto* role = role_of<GatherGradientRole>(steps[i]);
    if (role == nullptr || !order.is_free(i) || !is_read_once(steps[i], 0) || !is_float32(steps[i], 0)) continue;
    const std::optional<std::size_t> sum = find_sum(steps, order, i);
    if (!sum) continue;
    const std::vector<std::size_t> both{i, *sum};
    order.fuse(both, i);
    fusions.push_back({both, make_gather_gradient_sum(device, *role, part_of(steps[i]), part_of(steps[*sum]))});
  }
}

}  // namespace mp::runtime::gpu
