#include "runtime/semantics/recurrence.hpp"

#include <utility>

namespace mp::runtime {

StepRows Recurrence::hidden_before(std::int64_t direction, std::int64_t step, const float* y,
                                   const float* initial) const {
  if (step > 0) return {y + output_at(direction, time(direction, step - 1)), output_stride()};
  if (initial == nullptr) return {};
  return {initial + state_at(direction), state_stride()};
}

StepRows Recurrence::cell_before(std::int64_t direction, std::int64_t step, const float* cells,
                                 const float* initial) const {
  if (step > 0) return {cells + saved_at(direction, hidden) + time(direction, step - 1) * batch * hidden, hidden};
  if (initial == nullptr) return {};
  return {initial + state_at(direction), state_stride()};
}

Recurrence recurrence(const NodeCall& call) {
  const Shape& x = call.input(0).shape;
  Recurrence r{.steps = x[0], .batch = x[1], .inputs = x[2], .hidden = call.input(2).shape[2]};
  r.directions = call.input(2).shape[0];
  r.is_batch_first = call.attributes().get_int("layout", 0) != 0;
  r.is_reverse = call.attributes().get_string("direction", "forward") == "reverse";
  if (r.is_batch_first) std::swap(r.steps, r.batch);
  return r;
}

}  // namespace mp::runtime
