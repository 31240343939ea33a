// GRU and its gradient. Saved beside the update gate z, the reset gate r and the new state h is what the reset gate
// looks at, q: r·H before the product with R (linear_before_reset 0), or the product, R·H + B, before r is applied (1).
#include <cstdint>
#include <memory>

#include "runtime/gpu/kernels/kernels.hpp"
#include "runtime/gpu/kernels/recurrent_steps.hpp"

namespace mp::runtime::gpu {
namespace {

constexpr std::int64_t kBlocks = 3;  // update, reset, new state
constexpr std::int64_t kSaved = 4;
constexpr auto kFloatBytes = static_cast<std::int64_t>(sizeof(float));

bool is_reset_first(const KernelCall& call) { return call.attributes().get_int("linear_before_reset", 0) == 0; }

class Gru final : public RecurrentSteps {
 public:
  explicit Gru(const KernelCall& call) : RecurrentSteps(call), is_reset_first_(is_reset_first(call)) {
    x_ = scratch(r_.is_batch_first, r_.rows() * r_.inputs);
    y_ = scratch(!call.has_output(0), r_.directions * r_.rows() * r_.hidden);
    gates_ = scratch(!call.has_output(2), r_.directions * r_.rows() * width());
  }

  void run(const Operands& io) {
    const float* x = inputs_by_time(io.in(0), x_);
    if (io.out(0) != nullptr) y_ = io.out(0);
    if (io.out(2) != nullptr) gates_ = io.out(2);
    for (std::int64_t d = 0; d < r_.directions; ++d) {
      project_inputs(io, x, d);
      for (std::int64_t step = 0; step < r_.steps; ++step) take_step(io, d, step);
      if (io.out(1) != nullptr) store_state(d, r_.hidden_before(d, r_.steps, y_, nullptr), io.out(1));
    }
  }

 private:
  [[nodiscard]] std::int64_t width() const { return kSaved * r_.hidden; }
  [[nodiscard]] float* gates_of(std::int64_t d, std::int64_t time) const {
    return gates_ + r_.saved_at(d, width()) + time * r_.batch * width();
  }

  // Into the places of z, r, h; the bias of R for h into q where that is added before the reset gate.
  void project_inputs(const Operands& io, const float* x, std::int64_t d) const {
    const std::int64_t n = r_.hidden;
    float* gates = gates_of(d, 0);
    multiply({.transpose_b = true,
              .m = r_.rows(),
              .n = kBlocks * n,
              .k = r_.inputs,
              .lda = r_.inputs,
              .ldb = r_.inputs,
              .ldc = width()},
             x, io.in(1) + d * kBlocks * n * r_.inputs, gates);
    if (!is_reset_first_) for_items(queue(), r_.rows() * n, CopyRowsItem{n, {}, {gates + kBlocks * n, width()}});
    if (io.in(3) == nullptr) return;
    const float* bias = io.in(3) + 2 * kBlocks * d * n;
    add_bias(bias, kBlocks * n, {gates, width()});
    add_bias(bias + kBlocks * n, 2 * n, {gates, width()});
    add_bias(bias + (kBlocks + 2) * n, n, {gates + (is_reset_first_ ? 2 : kBlocks) * n, width()});
  }

  // gates[to …) += rows · Rᵀ[blocks from …)
  void add_recurrent(const ConstRows& rows, const float* weights, std::int64_t blocks, float* to) const {
    multiply({.transpose_b = true,
              .m = r_.batch,
              .n = blocks * r_.hidden,
              .k = r_.hidden,
              .beta = 1.0F,
              .lda = rows.stride,
              .ldb = r_.hidden,
              .ldc = width()},
             rows.first, weights, to);
  }

  void take_step(const Operands& io, std::int64_t d, std::int64_t step) const {
    const std::int64_t n = r_.hidden;
    float* gates = gates_of(d, r_.time(d, step));
    const float* weights = io.in(2) + d * kBlocks * n * n;
    const ConstRows before = rows_of(r_.hidden_before(d, step, y_, io.in(5)));
    if (before.first != nullptr) {
      add_recurrent(before, weights, 2, gates);
      if (!is_reset_first_) add_recurrent(before, weights + 2 * n * n, 1, gates + 3 * n);
    }
    for_items(queue(), elements_of_state(), GruGatesItem{n, is_reset_first_, gates, before});
    if (is_reset_first_ && before.first != nullptr) {
      add_recurrent({gates + 3 * n, width()}, weights + 2 * n * n, 1, gates + 2 * n);
    }
    for_items(
        queue(), elements_of_state(),
        GruBlendItem{n, is_reset_first_, gates, before, {y_ + r_.output_at(d, r_.time(d, step)), r_.output_stride()}});
  }

  bool is_reset_first_;
  float* x_;
  float* y_;
  float* gates_;
};

// Inputs: X, W, R, Y, gates, dY?, dY_h?, initial_h?; outputs: dX?, dW?, dR?, dB?, dinitial_h?.
class GruGradient final : public RecurrentSteps {
 public:
  explicit GruGradient(const KernelCall& call)
      : RecurrentSteps(call),
        is_reset_first_(is_reset_first(call)),
        bias_sums_(call.device, {r_.rows(), width()}, {true, false}, 1.0) {
    x_ = scratch(r_.is_batch_first, r_.rows() * r_.inputs);
    dx_ = scratch(r_.is_batch_first && call.has_output(0), r_.rows() * r_.inputs);
    dgates_ = scratch(true, r_.rows() * width());
    hidden_ = scratch(true, r_.rows() * r_.hidden);
    dh_ = scratch(true, elements_of_state());
    sums_ = scratch(call.has_output(3), width());
  }
  [[nodiscard]] std::int64_t all_workspace_bytes() const { return workspace_bytes() + bias_sums_.workspace_bytes(); }

  void run(const Operands& io) const {
    const float* x = inputs_by_time(io.in(0), x_);
    for (std::int64_t d = 0; d < r_.directions; ++d) {
      load_state(d, io.in(6), dh_);
      for (std::int64_t step = r_.steps; step-- > 0;) take_step(io, d, step);
      if (io.out(4) != nullptr) store_state(d, {dh_, r_.hidden}, io.out(4));
      if (io.out(1) != nullptr) {
        add_up(kBlocks * r_.hidden, dgates_, {x, r_.inputs}, io.out(1) + d * kBlocks * r_.hidden * r_.inputs);
      }
      if (io.out(2) != nullptr) differentiate_recurrent_weights(io, d);
      if (io.out(3) != nullptr) differentiate_bias(io, d);
      if (io.out(0) != nullptr) {
        add_input_gradient(d, {dgates_, width()}, kBlocks * r_.hidden, io.in(1), dx_ != nullptr ? dx_ : io.out(0));
      }
    }
    if (io.out(0) != nullptr && r_.is_batch_first) inputs_from_time(dx_, io.out(0));
  }

 private:
  [[nodiscard]] std::int64_t width() const { return kSaved * r_.hidden; }

  // to[batch × hidden] (+)= dgates[blocks] · weights
  void pass_on(const float* dgates, std::int64_t blocks, const float* weights, float beta, Rows to) const {
    multiply({.m = r_.batch,
              .n = r_.hidden,
              .k = blocks * r_.hidden,
              .beta = beta,
              .lda = width(),
              .ldb = r_.hidden,
              .ldc = to.stride},
             dgates, weights, to.first);
  }

  // to[rows × operand's stride] = dgatesᵀ · operand, over all steps
  void add_up(std::int64_t rows, const float* dgates, const ConstRows& operand, float* to, std::int64_t columns) const {
    multiply({.transpose_a = true,
              .m = rows,
              .n = columns,
              .k = r_.rows(),
              .lda = width(),
              .ldb = operand.stride,
              .ldc = columns},
             dgates, operand.first, to);
  }
  void add_up(std::int64_t rows, const float* dgates, const ConstRows& operand, float* to) const {
    add_up(rows, dgates, operand, to, operand.stride);
  }

  // dh becomes the gradient of the state before the step.
  void take_step(const Operands& io, std::int64_t d, std::int64_t step) const {
    const std::int64_t n = r_.hidden;
    const std::int64_t time = r_.time(d, step);
    const float* weights = io.in(2) + d * kBlocks * n * n;
    const float* gates = io.in(4) + r_.saved_at(d, width()) + time * r_.batch * width();
    float* dgates = dgates_ + time * r_.batch * width();
    const ConstRows before = rows_of(r_.hidden_before(d, step, io.in(3), io.in(7)));
    const ConstRows dy =
        io.in(5) == nullptr ? ConstRows{} : ConstRows{io.in(5) + r_.output_at(d, time), r_.output_stride()};
    for_items(queue(), elements_of_state(), GruGradientItem{n, is_reset_first_, gates, before, dy, dh_, dgates});
    if (is_reset_first_) {
      pass_on(dgates + 2 * n, 1, weights + 2 * n * n, 0.0F, {dgates + 3 * n, width()});
      for_items(queue(), elements_of_state(), GruEarlyResetItem{n, gates, before, dh_, dgates});
    } else {
      pass_on(dgates + 3 * n, 1, weights + 2 * n * n, 1.0F, {dh_, n});
    }
    pass_on(dgates, 2, weights, 1.0F, {dh_, n});
  }

  void differentiate_recurrent_weights(const Operands& io, std::int64_t d) const {
    const std::int64_t n = r_.hidden;
    float* to = io.out(2) + d * kBlocks * n * n;
    gather_hidden_before(d, io.in(3), io.in(7), hidden_);
    add_up(2 * n, dgates_, {hidden_, n}, to);
    if (is_reset_first_) {  // h saw R·q
      const float* seen = io.in(4) + r_.saved_at(d, width()) + 3 * n;
      add_up(n, dgates_ + 2 * n, {seen, width()}, to + 2 * n * n, n);
    } else {
      add_up(n, dgates_ + 3 * n, {hidden_, n}, to + 2 * n * n);
    }
  }

  void differentiate_bias(const Operands& io, std::int64_t d) const {
    const std::int64_t n = r_.hidden;
    float* inputs = io.out(3) + 2 * kBlocks * d * n;
    float* recurrent = inputs + kBlocks * n;
    bias_sums_.run({dgates_, false}, {sums_, false});
    device_.move(inputs, sums_, kBlocks * n * kFloatBytes);
    device_.move(recurrent, sums_, 2 * n * kFloatBytes);
    device_.move(recurrent + 2 * n, sums_ + (is_reset_first_ ? 2 : 3) * n, n * kFloatBytes);
  }

  bool is_reset_first_;
  SumReduction bias_sums_;
  float* x_;
  float* dx_;
  float* dgates_;
  float* hidden_;
  float* dh_;
  float* sums_;
};

}  // namespace

KernelPointer make_gru(const KernelCall& call) {
  const auto gru = std::make_shared<Gru>(call);
  return function_kernel(
      call, [gru](const Operands& io) { gru->run(io); }, gru->workspace_bytes());
}

KernelPointer make_gru_grad(const KernelCall& call) {
  const auto gradient = std::make_shared<GruGradient>(call);
  return function_kernel(
      call, [gradient](const Operands& io) { gradient->run(io); }, gradient->all_workspace_bytes());
}

}  // namespace mp::runtime::gpu
