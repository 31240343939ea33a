// What the kernels of LSTM, GRU and their gradients share: scratch, products, rows of states.
#pragma once

#include <cstdint>
#include <vector>

#include "runtime/gpu/kernel_call.hpp"
#include "runtime/gpu/kernels/recurrent.hpp"
#include "runtime/gpu/kernels/sum.hpp"
#include "runtime/semantics/recurrence.hpp"

namespace mp::runtime::gpu {

[[nodiscard]] inline ConstRows rows_of(const StepRows& rows) { return {rows.first, rows.stride}; }

class RecurrentSteps {
 public:
  explicit RecurrentSteps(const KernelCall& call);
  [[nodiscard]] std::int64_t workspace_bytes() const { return workspace_bytes_; }

 protected:
  // `floats` float32 that live as long as this; null: none are needed.
  [[nodiscard]] float* scratch(bool is_needed, std::int64_t floats);
  [[nodiscard]] Queue queue() const { return device_.queue(); }
  [[nodiscard]] std::int64_t elements_of_state() const { return r_.batch * r_.hidden; }

  void multiply(MatrixProduct product, const float* a, const float* b, float* c) const;
  // X in rows of times, whatever its layout; `rows` is used where they have to be moved.
  [[nodiscard]] const float* inputs_by_time(const float* x, float* rows) const;
  void inputs_from_time(const float* rows, float* x) const;
  void add_bias(const float* bias, std::int64_t width, Rows to) const;  // to each of all rows
  void store_state(std::int64_t direction, const StepRows& rows, float* state) const;
  void load_state(std::int64_t direction, const float* state, float* rows) const;  // zeros without state
  // dX[rows × inputs] of all directions, the first of which overwrites it, from `gates` numbers of each row of dgates
  // and W[directions, gates, inputs].
  void add_input_gradient(std::int64_t direction, ConstRows dgates, std::int64_t gates, const float* weights,
                          float* dx) const;
  // What the gradient of R looks at.
  void gather_hidden_before(std::int64_t direction, const float* y, const float* initial, float* rows) const;

  Device& device_;
  const Recurrence r_;

 private:
  std::vector<DeviceMemory> memory_;
  std::int64_t workspace_bytes_ = 0;
};

}  // namespace mp::runtime::gpu
