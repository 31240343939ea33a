// What LSTM and GRU share: where the rows of one step lie, in either direction and layout.
#pragma once

#include <cstdint>
#include <vector>

#include "runtime/cpu/kernel_call.hpp"

namespace mp::runtime::cpu {

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
  // Sequences worth a thread of their own in loops over gates.
  [[nodiscard]] std::int64_t grain() const;

  // The state before step `step`: the output of the step before it, or the initial state.
  [[nodiscard]] StepRows hidden_before(std::int64_t direction, std::int64_t step, const float* y,
                                       const float* initial) const;
  [[nodiscard]] StepRows cell_before(std::int64_t direction, std::int64_t step, const float* cells,
                                     const float* initial) const;
};

// The node's X, W, R are its inputs 0, 1, 2.
[[nodiscard]] Recurrence recurrence_of(const KernelCall& call);

// Between [steps, batch, inputs], row after row, and X in its layout.
void gather_inputs(const Recurrence& r, const float* x, float* rows);
void scatter_inputs(const Recurrence& r, const float* rows, float* x);
// The hidden states before every step, at the rows of the steps' times: what the gradient of R looks at.
void gather_hidden_before(const Recurrence& r, std::int64_t direction, const float* y, const float* initial,
                          float* rows);
// `rows`[batch × hidden] to and from a state's place of one direction.
void store_state(const Recurrence& r, std::int64_t direction, StepRows rows, float* state);
void load_state(const Recurrence& r, std::int64_t direction, const float* state, float* rows);  // zeros without state

// rows[i, 0 … width) += bias, for `count` rows `stride` apart.
void add_rows(float* rows, const float* bias, std::int64_t count, std::int64_t width, std::int64_t stride);
// Column sums of rows[count × width], `stride` apart, into `to`, carried in float64.
void sum_rows(const float* rows, std::int64_t count, std::int64_t width, std::int64_t stride, float* to);

// Memory of its own where an output that the kernel needs is not wanted.
[[nodiscard]] float* or_scratch(float* output, std::vector<float>& scratch);

}  // namespace mp::runtime::cpu
