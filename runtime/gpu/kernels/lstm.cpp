// LSTM and its gradient: the products with W of all steps at once, those with R step by step, back through time over
// the saved gates and cells (Werbos, 1990).
#include <cstdint>
#include <memory>

#include "runtime/gpu/kernels/kernels.hpp"
#include "runtime/gpu/kernels/recurrent_steps.hpp"

namespace mp::runtime::gpu {
namespace {

constexpr std::int64_t kBlocks = 4;  // input, output, forget gate, new cell

class Lstm final : public RecurrentSteps {
 public:
  explicit Lstm(const KernelCall& call) : RecurrentSteps(call) {
    x_ = scratch(r_.is_batch_first, r_.rows() * r_.inputs);
    y_ = scratch(!call.has_output(0), r_.directions * r_.rows() * r_.hidden);
    gates_ = scratch(!call.has_output(3), r_.directions * r_.rows() * width());
    cells_ = scratch(!call.has_output(4), r_.directions * r_.rows() * r_.hidden);
  }

  void run(const Operands& io) {
    const float* x = inputs_by_time(io.in(0), x_);
    if (io.out(0) != nullptr) y_ = io.out(0);
    if (io.out(3) != nullptr) gates_ = io.out(3);
    if (io.out(4) != nullptr) cells_ = io.out(4);
    for (std::int64_t d = 0; d < r_.directions; ++d) {
      project_inputs(io, x, d);
      for (std::int64_t step = 0; step < r_.steps; ++step) take_step(io, d, step);
      if (io.out(1) != nullptr) store_state(d, r_.hidden_before(d, r_.steps, y_, nullptr), io.out(1));
      if (io.out(2) != nullptr) store_state(d, r_.cell_before(d, r_.steps, cells_, nullptr), io.out(2));
    }
  }

 private:
  [[nodiscard]] std::int64_t width() const { return kBlocks * r_.hidden; }
  [[nodiscard]] float* gates_of(std::int64_t d, std::int64_t time) const {
    return gates_ + r_.saved_at(d, width()) + time * r_.batch * width();
  }

  void project_inputs(const Operands& io, const float* x, std::int64_t d) const {
    multiply({.transpose_b = true,
              .m = r_.rows(),
              .n = width(),
              .k = r_.inputs,
              .lda = r_.inputs,
              .ldb = r_.inputs,
              .ldc = width()},
             x, io.in(1) + d * width() * r_.inputs, gates_of(d, 0));
    if (io.in(3) == nullptr) return;
    for (const std::int64_t half : {0, 1}) {
      add_bias(io.in(3) + (2 * d + half) * width(), width(), {gates_of(d, 0), width()});
    }
  }

  void take_step(const Operands& io, std::int64_t d, std::int64_t step) const {
    const std::int64_t time = r_.time(d, step);
    if (const StepRows before = r_.hidden_before(d, step, y_, io.in(5)); before.first != nullptr) {
      multiply({.transpose_b = true,
                .m = r_.batch,
                .n = width(),
                .k = r_.hidden,
                .beta = 1.0F,
                .lda = before.stride,
                .ldb = r_.hidden,
                .ldc = width()},
               before.first, io.in(2) + d * width() * r_.hidden, gates_of(d, time));
    }
    float* cells = cells_ + r_.saved_at(d, r_.hidden) + time * elements_of_state();
    for_items(queue(), elements_of_state(),
              LstmItem{r_.hidden,
                       gates_of(d, time),
                       rows_of(r_.cell_before(d, step, cells_, io.in(6))),
                       cells,
                       {y_ + r_.output_at(d, time), r_.output_stride()}});
  }

  float* x_;
  float* y_;
  float* gates_;
  float* cells_;
};

// Inputs: X, W, R, Y, gates, cells, dY?, dY_h?, dY_c?, initial_h?, initial_c?; outputs: dX?, dW?, dR?, dB?,
// dinitial_h?, dinitial_c?.
class LstmGradient final : public RecurrentSteps {
 public:
  explicit LstmGradient(const KernelCall& call)
      : RecurrentSteps(call), bias_sums_(call.device, {r_.rows(), width()}, {true, false}, 1.0) {
    x_ = scratch(r_.is_batch_first, r_.rows() * r_.inputs);
    dx_ = scratch(r_.is_batch_first && call.has_output(0), r_.rows() * r_.inputs);
    dgates_ = scratch(true, r_.rows() * width());
    hidden_ = scratch(true, r_.rows() * r_.hidden);
    dh_ = scratch(true, elements_of_state());
    dc_ = scratch(true, elements_of_state());
  }
  [[nodiscard]] std::int64_t all_workspace_bytes() const { return workspace_bytes() + bias_sums_.workspace_bytes(); }

  void run(const Operands& io) const {
    const float* x = inputs_by_time(io.in(0), x_);
    for (std::int64_t d = 0; d < r_.directions; ++d) {
      load_state(d, io.in(7), dh_);
      load_state(d, io.in(8), dc_);
      for (std::int64_t step = r_.steps; step-- > 0;) take_step(io, d, step);
      if (io.out(4) != nullptr) store_state(d, {dh_, r_.hidden}, io.out(4));
      if (io.out(5) != nullptr) store_state(d, {dc_, r_.hidden}, io.out(5));
      differentiate_weights(io, x, d);
      if (io.out(0) != nullptr) {
        add_input_gradient(d, {dgates_, width()}, width(), io.in(1), dx_ != nullptr ? dx_ : io.out(0));
      }
    }
    if (io.out(0) != nullptr && r_.is_batch_first) inputs_from_time(dx_, io.out(0));
  }

 private:
  [[nodiscard]] std::int64_t width() const { return kBlocks * r_.hidden; }

  // dh becomes the gradient of the hidden state before the step.
  void take_step(const Operands& io, std::int64_t d, std::int64_t step) const {
    const std::int64_t time = r_.time(d, step);
    const std::int64_t row = time * r_.batch;
    float* dgates = dgates_ + row * width();
    for_items(queue(), elements_of_state(),
              LstmGradientItem{
                  r_.hidden, io.in(4) + r_.saved_at(d, width()) + row * width(),
                  io.in(5) + r_.saved_at(d, r_.hidden) + row * r_.hidden,
                  rows_of(r_.cell_before(d, step, io.in(5), io.in(10))),
                  io.in(6) == nullptr ? ConstRows{} : ConstRows{io.in(6) + r_.output_at(d, time), r_.output_stride()},
                  dh_, dc_, dgates});
    multiply({.m = r_.batch, .n = r_.hidden, .k = width(), .lda = width(), .ldb = r_.hidden, .ldc = r_.hidden}, dgates,
             io.in(2) + d * width() * r_.hidden, dh_);
  }

  void differentiate_weights(const Operands& io, const float* x, std::int64_t d) const {
    const auto add_up = [&](std::int64_t columns, const float* operand, float* to) {
      multiply({.transpose_a = true,
                .m = width(),
                .n = columns,
                .k = r_.rows(),
                .lda = width(),
                .ldb = columns,
                .ldc = columns},
               dgates_, operand, to);
    };
    if (io.out(1) != nullptr) add_up(r_.inputs, x, io.out(1) + d * width() * r_.inputs);
    if (io.out(2) != nullptr) {
      gather_hidden_before(d, io.in(3), io.in(9), hidden_);
      add_up(r_.hidden, hidden_, io.out(2) + d * width() * r_.hidden);
    }
    if (io.out(3) != nullptr) {  // both halves of B are added to the same gates
      float* bias = io.out(3) + 2 * d * width();
      bias_sums_.run({dgates_, false}, {bias, false});
      device_.move(bias + width(), bias, width() * static_cast<std::int64_t>(sizeof(float)));
    }
  }

  SumReduction bias_sums_;
  float* x_;
  float* dx_;
  float* dgates_;
  float* hidden_;
  float* dh_;
  float* dc_;
};

}  // namespace

KernelPointer make_lstm(const KernelCall& call) {
  const auto lstm = std::make_shared<Lstm>(call);
  return function_kernel(
      call, [lstm](const Operands& io) { lstm->run(io); }, lstm->workspace_bytes());
}

KernelPointer make_lstm_grad(const KernelCall& call) {
  const auto gradient = std::make_shared<LstmGradient>(call);
  return function_kernel(
      call, [gradient](const Operands& io) { gradient->run(io); }, gradient->all_workspace_bytes());
}

}  // namespace mp::runtime::gpu
