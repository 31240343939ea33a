// What LSTM and GRU share beside runtime/semantics/recurrence.hpp.
#pragma once

#include <cstdint>
#include <vector>

#include "runtime/cpu/kernel_call.hpp"
#include "runtime/semantics/recurrence.hpp"

namespace mp::runtime::cpu {

// Sequences worth a thread of their own in loops over gates.
[[nodiscard]] std::int64_t grain(const Recurrence& r);

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
