#include "runtime/gpu/fusion_steps.hpp"

#include <algorithm>
#include <cstdint>
#include <functional>

namespace mp::runtime::gpu {

namespace {

// Whether two steps can be done in either order.
bool commute(const FusionStep& a, const FusionStep& b) {
  return !b.is_barrier && !overlap(a.outputs, b.inputs) && !overlap(a.outputs, b.outputs) &&
         !overlap(a.inputs, b.outputs);
}

}  // namespace

StepOrder::StepOrder(std::span<const FusionStep> steps)
    : steps_(steps), is_free_(steps.size(), true), done_at_(steps.size()) {
  for (std::size_t i = 0; i < steps.size(); ++i) done_at_[i].push_back(i);
}

bool StepOrder::can_move(std::size_t step, std::size_t to, std::span<const std::size_t> together) const {
  for (std::size_t place = std::min(step, to) + 1; place < std::max(step, to); ++place) {
    for (const std::size_t other : done_at_[place]) {
      const bool moves_too = std::find(together.begin(), together.end(), other) != together.end();
      if (!moves_too && !commute(steps_[step], steps_[other])) return false;
    }
  }
  return true;
}

void StepOrder::fuse(std::span<const std::size_t> steps, std::size_t at) {
  for (const std::size_t step : steps) {
    done_at_[step].clear();
    is_free_[step] = false;
  }
  done_at_[at].assign(steps.begin(), steps.end());
}

bool overlap(const std::vector<MemoryRange>& a, const std::vector<MemoryRange>& b) {
  const std::less<> before;
  return std::any_of(a.begin(), a.end(), [&](const MemoryRange& x) {
    return std::any_of(b.begin(), b.end(), [&](const MemoryRange& y) {
      return x.first != nullptr && y.first != nullptr && before(x.first, y.first + y.size_bytes) &&
             before(y.first, x.first + x.size_bytes);
    });
  });
}

bool all_bfloat16(const FusionStep& step, std::size_t inputs) {
  const std::uint64_t wanted = (std::uint64_t{1} << inputs) - 1;
  return (gpu_kernel(step)->types().inputs & wanted) == wanted && is_bfloat16_output(step, 0);
}

bool is_bfloat16_output(const FusionStep& step, std::size_t output) {
  return (gpu_kernel(step)->types().outputs >> output & 1U) != 0;
}

bool is_read_once(const FusionStep& step, std::size_t output) {
  return (gpu_kernel(step)->types().read_once >> output & 1U) != 0;
}

}  // namespace mp::runtime::gpu
