// Where LSTM, GRU and their gradients find the rows of one step, in either direction and layout.
#pragma once

#include <cstdint>

#include "runtime/semantics/node_call.hpp"

namespace mp::runtime {

// Rows of `batch` sequences, `stride` elements apart; first = nullptr: all zeros.
struct StepRows {
  const float* first = nullptr;
  std::int64_t stride = 0;
};

struct Recurrence {
  std::int64_t steps = 0;
  std::int64_t batch = 0;
  std::int64_t inputs = 0;
  std::int64_t hidden = 0;
  std::int64_t directions = 1;
  bool is_batch_first = false;
  bool is_reverse = false;  // of a single direction

  [[nodiscard]] std::int64_t rows() const { return steps * batch; }
  [[nodiscard]] bool runs_backwards(std::int64_t direction) const { return is_reverse || direction == 1; }
  // The time at which a direction takes its step `step`.
  [[nodiscard]] std::int64_t time(std::int64_t direction, std::int64_t step) const {
    return runs_backwards(direction) ? steps - 1 - step : step;
  }
  // Y of a time and direction: the first sequence, and from one sequence to the next.
  [[nodiscard]] std::int64_t output_at(std::int64_t direction, std::int64_t time) const {
    return is_batch_first ? (time * directions + direction) * hidden : (time * directions + direction) * batch * hidden;
  }
  [[nodiscard]] std::int64_t output_stride() const { return is_batch_first ? steps * directions * hidden : hidden; }
  // Y_h, Y_c, initial_h, initial_c.
  [[nodiscard]] std::int64_t state_at(std::int64_t direction) const {
    return is_batch_first ? direction * hidden : direction * batch * hidden;
  }
  [[nodiscard]] std::int64_t state_stride() const { return is_batch_first ? directions * hidden : hidden; }
  // Saved gates and cells, [directions, steps, batch, width]: of a direction.
  [[nodiscard]] std::int64_t saved_at(std::int64_t direction, std::int64_t width) const {
    return direction * rows() * width;
  }

  // The state before step `step`: the output of the step before it, or the initial state.
  [[nodiscard]] StepRows hidden_before(std::int64_t direction, std::int64_t step, const float* y,
                                       const float* initial) const;
  [[nodiscard]] StepRows cell_before(std::int64_t direction, std::int64_t step, const float* cells,
                                     const float* initial) const;
};

// The node's X, W, R are its inputs 0, 1, 2.
[[nodiscard]] Recurrence recurrence(const NodeCall& call);

}  // namespace mp::runtime
