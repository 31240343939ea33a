#include "runtime/gpu/cross_entropy_fusion.hpp"

#include <algorithm>
#include <optional>

#include "runtime/gpu/kernels/cross_entropy_gradients.hpp"

namespace mp::runtime::gpu {
namespace {

constexpr std::size_t kLogSums = 2;  // output of the loss

struct Place {
  std::size_t seed;  // the step after the last: none is needed
  std::size_t gradient;
};

bool is_loss(const FusionStep& step) {
  const auto* role = role_of<CrossEntropyRole>(step);
  const bool has_log_sums = step.outputs.size() > kLogSums && step.outputs[kLogSums].first != nullptr;
  return role != nullptr && !role->is_gradient && role->problem.is_reduced && has_log_sums &&
         step.outputs[0].first != nullptr;
}

std::byte* weights_of(const FusionStep& step, std::size_t at) {
  return step.inputs.size() > at ? step.inputs[at].first : nullptr;
}

// Of the very operands that the loss has, and written over nothing that any line still needs.
bool is_gradient_of(const FusionStep& step, const FusionStep& loss) {
  const auto* role = role_of<CrossEntropyRole>(step);
  if (role == nullptr || !role->is_gradient || !role->problem.is_reduced) return false;
  const CrossEntropyProblem& of_loss = role_of<CrossEntropyRole>(loss)->problem;
  const bool is_alike = role->problem.is_mean == of_loss.is_mean && role->problem.ignored == of_loss.ignored &&
                        role->problem.has_ignored == of_loss.has_ignored;
  const bool is_same = step.inputs[1].first == loss.inputs[0].first && step.inputs[2].first == loss.inputs[1].first &&
                       step.inputs[3].first == loss.outputs[kLogSums].first &&
                       weights_of(step, 4) == weights_of(loss, 2);
  const MemoryRange& scores = loss.inputs[0];
  const MemoryRange& written = step.outputs[0];
  const bool is_in_place = written.first == scores.first && written.size_bytes == scores.size_bytes;
  std::vector<MemoryRange> kept = step.inputs;
  if (is_in_place) kept.erase(kept.begin() + 1);
  return is_alike && is_same && !overlap({written}, kept) && !overlap({written}, loss.outputs);
}

// The step after `loss` that writes the gradient of the loss: a constant that nobody else reads, so that its place in
// memory, which the loss may still have, need not be written. None: whatever it is, it cannot be done so early. The
// step after the last: the gradient is there before the loss.
std::optional<std::size_t> seed_of(std::span<const FusionStep> steps, std::size_t loss, std::size_t gradient) {
  for (std::size_t j = loss + 1; j < gradient; ++j) {
    if (!overlap(steps[j].outputs, {steps[gradient].inputs[0]})) continue;
    const bool is_constant = steps[j].inputs.empty() && gpu_kernel(steps[j]) != nullptr && is_read_once(steps[j], 0);
    return is_constant ? std::optional<std::size_t>(j) : std::nullopt;
  }
  return steps.size();
}

std::optional<Place> find(std::span<const FusionStep> steps, const StepOrder& order, std::size_t loss) {
  const std::size_t end = std::min(steps.size(), loss + 1 + kFarthestStep);
  for (std::size_t j = loss + 1; j < end && !steps[j].is_barrier; ++j) {
    if (!order.is_free(j) || steps[j].microbatch != steps[loss].microbatch || !is_gradient_of(steps[j], steps[loss]))
      continue;
    const std::optional<std::size_t> seed = seed_of(steps, loss, j);
    if (!seed) return std::nullopt;
    std::vector<std::size_t> together;
    if (*seed < steps.size()) together.push_back(*seed);
    const bool is_free = together.empty() || order.is_free(*seed);
    if (!is_free || !order.can_move(j, loss, together)) return std::nullopt;
    return Place{.seed = *seed, .gradient = j};
  }
  return std::nullopt;
}

}  // namespace

void find_cross_entropy_fusions(Device& device, std::span<const FusionStep> steps, StepOrder& order,
                                std::vector<Fusion>& fusions) {
  for (std::size_t i = 0; i < steps.size(); ++i) {
    if (!order.is_free(i) || !is_loss(steps[i])) continue;
    const std::optional<Place> place = find(steps, order, i);
    if (!place) continue;
    CrossEntropyParts parts{.loss = part_of(steps[i]), .seed = {}, .gradient = part_of(steps[place->gradient])};
    Fusion fusion{.steps = {i}, .kernel = nullptr};
    if (place->seed < steps.size()) {
      parts.seed = part_of(steps[place->seed]);
      fusion.steps.push_back(place->seed);
    }
    fusion.steps.push_back(place->gradient);
    order.fuse(fusion.steps, i);
    fusion.kernel = make_cross_entropy_with_gradient(device, role_of<CrossEntropyRole>(steps[i])->problem, parts);
    fusions.push_back(std::move(fusion));
  }
}

}  // namespace mp::runtime::gpu
