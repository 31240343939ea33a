// LSTMGrad: back through time (Werbos, 1990) over the saved gates and cells; the products for W, R and X of all steps
// at once.
// Inputs: X, W, R, Y, gates, cells, dY?, dY_h?, dY_c?, initial_h?, initial_c?; outputs: dX?, dW?, dR?, dB?,
// dinitial_h?, dinitial_c?.
#include <algorithm>
#include <cstdint>
#include <vector>

#include "runtime/cpu/gemm.hpp"
#include "runtime/cpu/kernels/kernels.hpp"
#include "runtime/cpu/kernels/recurrent.hpp"
#include "runtime/cpu/simd.hpp"

namespace mp::runtime::cpu {
namespace {

constexpr std::int64_t kBlocks = 4;

struct Step {
  const float* gates;  // input, output, forget, new cell
  const float* cell;
  const float* cell_before;  // may be null: zeros
  const float* dy;           // may be null
};

// One sequence, one step: dh, dc are the gradients that come from later steps; dc leaves as that of the cell before.
MP_SIMD void differentiate_step(const Step& s, const float* dh, float* dc, float* dgates, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) {
    const float input = s.gates[i];
    const float output = s.gates[n + i];
    const float forget = s.gates[2 * n + i];
    const float fresh = s.gates[3 * n + i];
    const float bent = simd::tanh(s.cell[i]);
    const float from = s.dy == nullptr ? dh[i] : dh[i] + s.dy[i];
    const float cell = dc[i] + from * output * (1.0F - bent * bent);
    const float before = s.cell_before == nullptr ? 0.0F : s.cell_before[i];
    dgates[i] = cell * fresh * input * (1.0F - input);
    dgates[n + i] = from * bent * output * (1.0F - output);
    dgates[2 * n + i] = cell * before * forget * (1.0F - forget);
    dgates[3 * n + i] = cell * input * (1.0F - fresh * fresh);
    dc[i] = cell * forget;
  }
}

class LstmGradient {
 public:
  explicit LstmGradient(const KernelCall& call) : r_(recurrence_of(call)) {
    const auto size = [](std::int64_t elements) { return static_cast<std::size_t>(elements); };
    if (r_.is_batch_first) {
      x_.resize(size(r_.rows() * r_.inputs));
      if (call.has_output(0)) dx_.resize(x_.size());
    }
    dgates_.resize(size(r_.rows() * width()));
    hidden_.resize(size(r_.rows() * r_.hidden));
    dh_.resize(size(r_.batch * r_.hidden));
    dc_.resize(size(r_.batch * r_.hidden));
  }
  [[nodiscard]] std::int64_t workspace_bytes() const {
    const std::size_t floats = x_.size() + dx_.size() + dgates_.size() + hidden_.size() + dh_.size() + dc_.size();
    return static_cast<std::int64_t>(floats * sizeof(float));
  }

  void run(Team& team, const Operands& io) {
    if (r_.is_batch_first) gather_inputs(r_, io.in(0), x_.data());
    for (std::int64_t d = 0; d < r_.directions; ++d) {
      load_state(r_, d, io.in(7), dh_.data());
      load_state(r_, d, io.in(8), dc_.data());
      for (std::int64_t step = r_.steps; step-- > 0;) take_step(team, io, d, step);
      if (io.out(4) != nullptr) store_state(r_, d, {dh_.data(), r_.hidden}, io.out(4));
      if (io.out(5) != nullptr) store_state(r_, d, {dc_.data(), r_.hidden}, io.out(5));
      differentiate_weights(team, io, d);
      differentiate_inputs(team, io, d);
    }
    if (io.out(0) != nullptr && r_.is_batch_first) scatter_inputs(r_, dx_.data(), io.out(0));
  }

 private:
  [[nodiscard]] std::int64_t width() const { return kBlocks * r_.hidden; }

  // dh becomes the gradient of the hidden state before the step.
  void take_step(Team& team, const Operands& io, std::int64_t d, std::int64_t step) {
    const std::int64_t time = r_.time(d, step);
    const std::int64_t row = time * r_.batch;
    const StepRows before = r_.cell_before(d, step, io.in(5), io.in(10));
    const float* gates = io.in(4) + r_.saved_at(d, width()) + row * width();
    const float* cells = io.in(5) + r_.saved_at(d, r_.hidden) + row * r_.hidden;
    const float* dy = io.in(6) == nullptr ? nullptr : io.in(6) + r_.output_at(d, time);
    float* dgates = dgates_.data() + row * width();
    team.for_range(r_.batch, grain(r_), [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t b = begin; b < end; ++b) {
        const Step s{gates + b * width(), cells + b * r_.hidden,
                     before.first == nullptr ? nullptr : before.first + b * before.stride,
                     dy == nullptr ? nullptr : dy + b * r_.output_stride()};
        differentiate_step(s, dh_.data() + b * r_.hidden, dc_.data() + b * r_.hidden, dgates + b * width(), r_.hidden);
      }
    });
    Gemm product{.m = r_.batch, .n = r_.hidden, .k = width()};
    product.a = dgates;
    product.lda = width();
    product.b = io.in(2) + d * width() * r_.hidden;
    product.ldb = r_.hidden;
    product.c = dh_.data();
    product.ldc = r_.hidden;
    gemm(team, product);
  }

  void differentiate_weights(Team& team, const Operands& io, std::int64_t d) {
    Gemm product{.transpose_a = true, .m = width(), .k = r_.rows()};
    product.a = dgates_.data();
    product.lda = width();
    if (io.out(1) != nullptr) {
      product.n = product.ldb = product.ldc = r_.inputs;
      product.b = r_.is_batch_first ? x_.data() : io.in(0);
      product.c = io.out(1) + d * width() * r_.inputs;
      gemm(team, product);
    }
    if (io.out(2) != nullptr) {
      gather_hidden_before(r_, d, io.in(3), io.in(9), hidden_.data());
      product.n = product.ldb = product.ldc = r_.hidden;
      product.b = hidden_.data();
      product.c = io.out(2) + d * width() * r_.hidden;
      gemm(team, product);
    }
    if (io.out(3) != nullptr) {  // both halves of B are added to the same gates
      float* bias = io.out(3) + 2 * d * width();
      sum_rows(dgates_.data(), r_.rows(), width(), width(), bias);
      std::copy_n(bias, width(), bias + width());
    }
  }

  void differentiate_inputs(Team& team, const Operands& io, std::int64_t d) {
    if (io.out(0) == nullptr) return;
    Gemm product{.m = r_.rows(), .n = r_.inputs, .k = width(), .beta = d == 0 ? 0.0F : 1.0F};
    product.a = dgates_.data();
    product.lda = width();
    product.b = io.in(1) + d * width() * r_.inputs;
    product.ldb = r_.inputs;
    product.c = r_.is_batch_first ? dx_.data() : io.out(0);
    product.ldc = r_.inputs;
    gemm(team, product);
  }

  Recurrence r_;
  std::vector<float> x_, dx_, dgates_, hidden_, dh_, dc_;
};

}  // namespace

KernelPointer make_lstm_grad(const KernelCall& call) {
  LstmGradient gradient(call);
  const std::int64_t workspace = gradient.workspace_bytes();
  return function_kernel([&team = call.team, gradient](const Operands& io) mutable { gradient.run(team, io); },
                         workspace);
}

}  // namespace mp::runtime::cpu
