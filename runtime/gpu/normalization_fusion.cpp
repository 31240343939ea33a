#include "runtime/gpu/normalization_fusion.hpp"

#include <algorithm>
#include <cstdint>

#include "runtime/gpu/fusion_steps.hpp"
#include "runtime/gpu/kernels/normalization_gradient.hpp"
#include "runtime/gpu/kernels/normalization_gradients.hpp"

namespace mp::runtime::gpu {
namespace {

// Whether what is written there can be written row by row while the range is read: it is another, or the very same.
bool is_apart_or_same(const MemoryRange& written, const MemoryRange& read) {
  return written.first == read.first ? written.size_bytes == read.size_bytes : !overlap({written}, {read});
}

class Finder {
 public:
  Finder(std::span<const FusionStep> steps, const StepOrder& order, std::size_t first)
      : steps_(steps), order_(order), first_(first) {}

  // The steps, in order; empty: nothing to fuse.
  [[nodiscard]] std::vector<std::size_t> find() {
    const auto* role = role_of<NormalizationGradientRole>(steps_[first_]);
    if (role == nullptr || !is_possible(steps_[first_], *role)) return {};
    const std::size_t other = look_for([&](const FusionStep& step) { return is_other_half(*role, step); });
    if (other == steps_.size()) return {};
    found_.push_back(other);
    const FusionStep& input = steps_[role->of_weights ? other : first_];
    const std::size_t addition = look_for([&](const FusionStep& step) { return is_addition(input, step); });
    if (addition != steps_.size()) found_.push_back(addition);
    const FusionStep& last = steps_[found_.back()];
    if (!can_be_written(input, addition != steps_.size() ? last : input)) return {};
    std::vector<std::size_t> all{first_};
    all.insert(all.end(), found_.begin(), found_.end());
    return all;
  }

 private:
  static bool is_possible(const FusionStep& step, const NormalizationGradientRole& role) {
    const std::uint64_t bfloat16 = gpu_kernel(step)->types().inputs;
    const bool is_whole = role.width % kPack == 0 && role.width <= kWidestFusedRow && role.rows > 0;
    return is_whole && (bfloat16 & 3U) == 3U && step.outputs[0].first != nullptr;
  }
  [[nodiscard]] bool is_other_half(const NormalizationGradientRole& role, const FusionStep& step) const {
    const auto* other = role_of<NormalizationGradientRole>(step);
    const FusionStep& first = steps_[first_];
    return other != nullptr && other->of_weights != role.of_weights && other->is_rms == role.is_rms &&
           other->rows == role.rows && other->width == role.width && step.outputs[0].first != nullptr &&
           step.inputs[0].first == first.inputs[0].first && step.inputs[1].first == first.inputs[1].first;
  }
  static bool is_addition(const FusionStep& input, const FusionStep& step) {
    const std::byte* dx = input.outputs[0].first;
    if (role_of<SumRole>(step) == nullptr || !all_bfloat16(step, 2) || !is_read_once(input, 0)) return false;
    return (step.inputs[0].first == dx) != (step.inputs[1].first == dx);
  }
  // dX, or its sum, over what is read: rows over themselves alone. Statistics and scales are read by others than write.
  [[nodiscard]] static bool can_be_written(const FusionStep& input, const FusionStep& writer) {
    for (std::size_t i = 2; i < input.inputs.size(); ++i) {
      if (overlap(writer.outputs, {input.inputs[i]})) return false;
    }
    bool can =
        is_apart_or_same(writer.outputs[0], input.inputs[0]) && is_apart_or_same(writer.outputs[0], input.inputs[1]);
    if (&writer == &input) return can;
    for (const MemoryRange& read : writer.inputs) can = can && is_apart_or_same(writer.outputs[0], read);
    return can;
  }

  template <class IsWanted>
  [[nodiscard]] std::size_t look_for(const IsWanted& is_wanted) const {
    const std::size_t end = std::min(steps_.size(), first_ + 1 + kFarthestStep);
    for (std::size_t j = first_ + 1; j < end && !steps_[j].is_barrier; ++j) {
      const bool is_free = order_.is_free(j) && steps_[j].microbatch == steps_[first_].microbatch;
      if (is_free && is_wanted(steps_[j]) && order_.can_move(j, first_, found_)) return j;
    }
    return steps_.size();
  }
  std::span<const FusionStep> steps_;
  const StepOrder& order_;
  std::size_t first_;
  std::vector<std::size_t> found_;
};

}  // namespace

void find_normalization_fusions(Device& device, std::span<const FusionStep> steps, StepOrder& order,
                                std::vector<Fusion>& fusions) {
  for (std::size_t i = 0; i < steps.size(); ++i) {
    if (!order.is_free(i)) continue;
    const std::vector<std::size_t> found = Finder(steps, order, i).find();
    if (found.empty()) continue;
    const auto& role = *role_of<NormalizationGradientRole>(steps[i]);
    NormalizationGradientParts parts{.input = part_of(steps[found[role.of_weights ? 1 : 0]]),
                                     .weights = part_of(steps[found[role.of_weights ? 0 : 1]]),
                                     .addition = {},
                                     .has_addition = found.size() > 2,
                                     .weights_come_first = role.of_weights};
    if (parts.has_addition) parts.addition = part_of(steps[found[2]]);
    order.fuse(found, i);
    fusions.push_back({found, make_normalization_gradients(device, role, parts)});
  }
}

}  // namespace mp::runtime::gpu
