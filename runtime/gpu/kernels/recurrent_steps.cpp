#include "runtime/gpu/kernels/recurrent_steps.hpp"

namespace mp::runtime::gpu {
namespace {

Recurrence float32_recurrence(const KernelCall& call) {
  if (call.input(0).type != DataType::kFloat32) call.refuse_type(call.input(0).type);
  return recurrence(call);
}

}  // namespace

RecurrentSteps::RecurrentSteps(const KernelCall& call) : device_(call.device), r_(float32_recurrence(call)) {}

float* RecurrentSteps::scratch(bool is_needed, std::int64_t floats) {
  if (!is_needed) return nullptr;
  const std::int64_t size_bytes = floats * static_cast<std::int64_t>(sizeof(float));
  workspace_bytes_ += size_bytes;
  memory_.push_back(device_.allocate_scratch(size_bytes));
  return reinterpret_cast<float*>(memory_.back().get());
}

void RecurrentSteps::multiply(MatrixProduct product, const float* a, const float* b, float* c) const {
  product.a = {a, false};
  product.b = {b, false};
  product.c = {c, false};
  device_.multiply(product);
}

const float* RecurrentSteps::inputs_by_time(const float* x, float* rows) const {
  if (!r_.is_batch_first) return x;
  for_items(queue(), r_.rows() * r_.inputs, SwapAxesItem{r_.steps, r_.batch, r_.inputs, x, rows});
  return rows;
}

void RecurrentSteps::inputs_from_time(const float* rows, float* x) const {
  for_items(queue(), r_.rows() * r_.inputs, SwapAxesItem{r_.batch, r_.steps, r_.inputs, rows, x});
}

void RecurrentSteps::add_bias(const float* bias, std::int64_t width, Rows to) const {
  for_items(queue(), r_.rows() * width, AddBiasRowsItem{width, bias, to});
}

void RecurrentSteps::store_state(std::int64_t direction, const StepRows& rows, float* state) const {
  for_items(queue(), elements_of_state(),
            CopyRowsItem{r_.hidden, rows_of(rows), {state + r_.state_at(direction), r_.state_stride()}});
}

void RecurrentSteps::load_state(std::int64_t direction, const float* state, float* rows) const {
  const ConstRows from = state == nullptr ? ConstRows{} : ConstRows{state + r_.state_at(direction), r_.state_stride()};
  for_items(queue(), elements_of_state(), CopyRowsItem{r_.hidden, from, {rows, r_.hidden}});
}

void RecurrentSteps::add_input_gradient(std::int64_t direction, ConstRows dgates, std::int64_t gates,
                                        const float* weights, float* dx) const {
  multiply({.m = r_.rows(),
            .n = r_.inputs,
            .k = gates,
            .beta = direction == 0 ? 0.0F : 1.0F,
            .lda = dgates.stride,
            .ldb = r_.inputs,
            .ldc = r_.inputs},
           dgates.first, weights + direction * gates * r_.inputs, dx);
}

void RecurrentSteps::gather_hidden_before(std::int64_t direction, const float* y, const float* initial,
                                          float* rows) const {
  const ConstRows first =
      initial == nullptr ? ConstRows{} : ConstRows{initial + r_.state_at(direction), r_.state_stride()};
  for_items(
      queue(), r_.rows() * r_.hidden,
      HiddenBeforeItem{r_.steps, r_.batch, r_.hidden, r_.runs_backwards(direction), y + r_.output_at(direction, 0),
                       r_.output_at(0, 1) - r_.output_at(0, 0), r_.output_stride(), first, rows});
}

}  // namespace mp::runtime::gpu
