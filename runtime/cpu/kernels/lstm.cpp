// LSTM: the products with W of all steps at once, those with R step by step.
#include <cstdint>
#include <vector>

#include "runtime/cpu/gemm.hpp"
#include "runtime/cpu/kernels/kernels.hpp"
#include "runtime/cpu/kernels/recurrent.hpp"
#include "runtime/cpu/simd.hpp"

namespace mp::runtime::cpu {
namespace {

constexpr std::int64_t kBlocks = 4;  // input, output, forget gate, new cell

// One sequence, one step. gates: before their activations, then after.
MP_SIMD void activate(float* gates, const float* cell_before, float* cell, float* y, std::int64_t n) {
  float* input = gates;
  float* output = gates + n;
  float* forget = gates + 2 * n;
  float* fresh = gates + 3 * n;
  for (std::int64_t i = 0; i < n; ++i) {
    input[i] = simd::sigmoid(input[i]);
    output[i] = simd::sigmoid(output[i]);
    forget[i] = simd::sigmoid(forget[i]);
    fresh[i] = simd::tanh(fresh[i]);
  }
  if (cell_before == nullptr) {
    for (std::int64_t i = 0; i < n; ++i) cell[i] = input[i] * fresh[i];
  } else {
    for (std::int64_t i = 0; i < n; ++i) cell[i] = forget[i] * cell_before[i] + input[i] * fresh[i];
  }
  for (std::int64_t i = 0; i < n; ++i) y[i] = output[i] * simd::tanh(cell[i]);
}

class Lstm {
 public:
  explicit Lstm(const KernelCall& call) : r_(recurrence_of(call)) {
    const auto reserve = [](std::vector<float>& memory, bool is_needed, std::int64_t size) {
      if (is_needed) memory.resize(static_cast<std::size_t>(size));
    };
    reserve(x_, r_.is_batch_first, r_.rows() * r_.inputs);
    reserve(y_, !call.has_output(0), r_.directions * r_.rows() * r_.hidden);
    reserve(gates_, !call.has_output(3), r_.directions * r_.rows() * kBlocks * r_.hidden);
    reserve(cells_, !call.has_output(4), r_.directions * r_.rows() * r_.hidden);
  }
  [[nodiscard]] std::int64_t workspace_bytes() const {
    return static_cast<std::int64_t>((x_.size() + y_.size() + gates_.size() + cells_.size()) * sizeof(float));
  }

  void run(Team& team, const Operands& io) {
    const float* x = io.in(0);
    if (r_.is_batch_first) {
      gather_inputs(r_, x, x_.data());
      x = x_.data();
    }
    y_out_ = or_scratch(io.out(0), y_);
    gates_out_ = or_scratch(io.out(3), gates_);
    cells_out_ = or_scratch(io.out(4), cells_);
    for (std::int64_t d = 0; d < r_.directions; ++d) {
      project_inputs(team, io, x, d);
      for (std::int64_t step = 0; step < r_.steps; ++step) take_step(team, io, d, step);
      const StepRows last = r_.hidden_before(d, r_.steps, y_out_, nullptr);
      if (io.out(1) != nullptr) store_state(r_, d, last, io.out(1));
      if (io.out(2) != nullptr) store_state(r_, d, r_.cell_before(d, r_.steps, cells_out_, nullptr), io.out(2));
    }
  }

 private:
  [[nodiscard]] std::int64_t width() const { return kBlocks * r_.hidden; }
  [[nodiscard]] float* gates_of(std::int64_t d, std::int64_t time) const {
    return gates_out_ + r_.saved_at(d, width()) + time * r_.batch * width();
  }

  void project_inputs(Team& team, const Operands& io, const float* x, std::int64_t d) const {
    Gemm product{.transpose_b = true, .m = r_.rows(), .n = width(), .k = r_.inputs};
    product.a = x;
    product.lda = r_.inputs;
    product.b = io.in(1) + d * width() * r_.inputs;
    product.ldb = r_.inputs;
    product.c = gates_of(d, 0);
    product.ldc = width();
    gemm(team, product);
    if (io.in(3) == nullptr) return;
    for (const std::int64_t half : {0, 1}) {
      add_rows(product.c, io.in(3) + (2 * d + half) * width(), r_.rows(), width(), width());
    }
  }

  void take_step(Team& team, const Operands& io, std::int64_t d, std::int64_t step) const {
    const std::int64_t time = r_.time(d, step);
    float* gates = gates_of(d, time);
    if (const StepRows before = r_.hidden_before(d, step, y_out_, io.in(5)); before.first != nullptr) {
      Gemm product{.transpose_b = true, .m = r_.batch, .n = width(), .k = r_.hidden, .beta = 1.0F};
      product.a = before.first;
      product.lda = before.stride;
      product.b = io.in(2) + d * width() * r_.hidden;
      product.ldb = r_.hidden;
      product.c = gates;
      product.ldc = width();
      gemm(team, product);
    }
    const StepRows before = r_.cell_before(d, step, cells_out_, io.in(6));
    float* cells = cells_out_ + r_.saved_at(d, r_.hidden) + time * r_.batch * r_.hidden;
    float* y = y_out_ + r_.output_at(d, time);
    team.for_range(r_.batch, grain(r_), [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t b = begin; b < end; ++b) {
        activate(gates + b * width(), before.first == nullptr ? nullptr : before.first + b * before.stride,
                 cells + b * r_.hidden, y + b * r_.output_stride(), r_.hidden);
      }
    });
  }

  Recurrence r_;
  std::vector<float> x_, y_, gates_, cells_;
  float* y_out_ = nullptr;
  float* gates_out_ = nullptr;
  float* cells_out_ = nullptr;
};

}  // namespace

KernelPointer make_lstm(const KernelCall& call) {
  Lstm lstm(call);
  const std::int64_t workspace = lstm.workspace_bytes();
  return function_kernel([&team = call.team, lstm](const Operands& io) mutable { lstm.run(team, io); }, workspace);
}

}  // namespace mp::runtime::cpu
