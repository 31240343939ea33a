#include "runtime/cpu/kernels/recurrent.hpp"

#include <algorithm>

namespace mp::runtime::cpu {

std::int64_t grain(const Recurrence& r) { return std::max<std::int64_t>(1, kElementwiseGrain / 16 / r.hidden); }

Recurrence recurrence_of(const KernelCall& call) {
  if (call.input(0).type != DataType::kFloat32) call.refuse_type(call.input(0).type);
  return recurrence(call);
}

void gather_inputs(const Recurrence& r, const float* x, float* rows) {
  for (std::int64_t b = 0; b < r.batch; ++b) {
    for (std::int64_t t = 0; t < r.steps; ++t) {
      std::copy_n(x + (b * r.steps + t) * r.inputs, r.inputs, rows + (t * r.batch + b) * r.inputs);
    }
  }
}

void scatter_inputs(const Recurrence& r, const float* rows, float* x) {
  for (std::int64_t b = 0; b < r.batch; ++b) {
    for (std::int64_t t = 0; t < r.steps; ++t) {
      std::copy_n(rows + (t * r.batch + b) * r.inputs, r.inputs, x + (b * r.steps + t) * r.inputs);
    }
  }
}

void gather_hidden_before(const Recurrence& r, std::int64_t direction, const float* y, const float* initial,
                          float* rows) {
  for (std::int64_t step = 0; step < r.steps; ++step) {
    const StepRows from = r.hidden_before(direction, step, y, initial);
    float* to = rows + r.time(direction, step) * r.batch * r.hidden;
    for (std::int64_t b = 0; b < r.batch; ++b) {
      if (from.first == nullptr) {
        std::fill_n(to + b * r.hidden, r.hidden, 0.0F);
      } else {
        std::copy_n(from.first + b * from.stride, r.hidden, to + b * r.hidden);
      }
    }
  }
}

void store_state(const Recurrence& r, std::int64_t direction, StepRows rows, float* state) {
  for (std::int64_t b = 0; b < r.batch; ++b) {
    std::copy_n(rows.first + b * rows.stride, r.hidden, state + r.state_at(direction) + b * r.state_stride());
  }
}

void load_state(const Recurrence& r, std::int64_t direction, const float* state, float* rows) {
  if (state == nullptr) {
    std::fill_n(rows, r.batch * r.hidden, 0.0F);
    return;
  }
  for (std::int64_t b = 0; b < r.batch; ++b) {
    std::copy_n(state + r.state_at(direction) + b * r.state_stride(), r.hidden, rows + b * r.hidden);
  }
}

void add_rows(float* rows, const float* bias, std::int64_t count, std::int64_t width, std::int64_t stride) {
  for (std::int64_t i = 0; i < count; ++i) {
    for (std::int64_t j = 0; j < width; ++j) rows[i * stride + j] += bias[j];
  }
}

void sum_rows(const float* rows, std::int64_t count, std::int64_t width, std::int64_t stride, float* to) {
  constexpr std::int64_t kColumns = 64;
  double sums[kColumns];
  for (std::int64_t begin = 0; begin < width; begin += kColumns) {
    const std::int64_t columns = std::min(kColumns, width - begin);
    std::fill_n(sums, columns, 0.0);
    for (std::int64_t i = 0; i < count; ++i) {
      for (std::int64_t j = 0; j < columns; ++j) sums[j] += static_cast<double>(rows[i * stride + begin + j]);
    }
    for (std::int64_t j = 0; j < columns; ++j) to[begin + j] = static_cast<float>(sums[j]);
  }
}

float* or_scratch(float* output, std::vector<float>& scratch) { return output == nullptr ? scratch.data() : output; }

}  // namespace mp::runtime::cpu
