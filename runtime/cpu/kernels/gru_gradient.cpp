// GRUGrad: back through time over the saved gates; the products for W, R and X of all steps at once.
// Inputs: X, W, R, Y, gates, dY?, dY_h?, initial_h?; outputs: dX?, dW?, dR?, dB?, dinitial_h?.
#include <algorithm>
#include <cstdint>
#include <vector>

#include "runtime/cpu/gemm.hpp"
#include "runtime/cpu/kernels/kernels.hpp"
#include "runtime/cpu/kernels/recurrent.hpp"
#include "runtime/cpu/simd.hpp"

namespace mp::runtime::cpu {
namespace {

constexpr std::int64_t kBlocks = 3;
constexpr std::int64_t kSaved = 4;

struct Step {
  const float* gates;   // update, reset, new state, what the reset gate looks at (gru.cpp)
  const float* before;  // may be null: zeros
  const float* dy;      // may be null
};

// One sequence: dh, from later steps, leaves as what the state before gets through the update gate; dgates: of the sums
// under the update gate and the new state.
MP_SIMD void differentiate_blend(const Step& s, float* dh, float* dgates, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) {
    const float update = s.gates[i];
    const float fresh = s.gates[2 * n + i];
    const float from = s.dy == nullptr ? dh[i] : dh[i] + s.dy[i];
    const float before = s.before == nullptr ? 0.0F : s.before[i];
    dgates[i] = from * (before - fresh) * update * (1.0F - update);
    dgates[2 * n + i] = from * (1.0F - update) * (1.0F - fresh * fresh);
    dh[i] = from * update;
  }
}

// linear_before_reset 1: h = tanh(… + r·q), q = R·before + B.
MP_SIMD void differentiate_late_reset(const float* gates, float* dgates, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) {
    const float reset = gates[n + i];
    const float fresh = dgates[2 * n + i];
    dgates[n + i] = fresh * gates[3 * n + i] * reset * (1.0F - reset);
    dgates[3 * n + i] = fresh * reset;
  }
}

// linear_before_reset 0: q = r·before; its gradient stands in dgates.
MP_SIMD void differentiate_early_reset(const Step& s, float* dh, float* dgates, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) {
    const float reset = s.gates[n + i];
    const float seen = dgates[3 * n + i];
    dgates[n + i] = s.before == nullptr ? 0.0F : seen * s.before[i] * reset * (1.0F - reset);
    dh[i] += seen * reset;
  }
}

class GruGradient {
 public:
  explicit GruGradient(const KernelCall& call)
      : r_(recurrence_of(call)), is_reset_first_(call.attributes().get_int("linear_before_reset", 0) == 0) {
    const auto size = [](std::int64_t elements) { return static_cast<std::size_t>(elements); };
    if (r_.is_batch_first) {
      x_.resize(size(r_.rows() * r_.inputs));
      if (call.has_output(0)) dx_.resize(x_.size());
    }
    dgates_.resize(size(r_.rows() * width()));
    hidden_.resize(size(r_.rows() * r_.hidden));
    dh_.resize(size(r_.batch * r_.hidden));
  }
  [[nodiscard]] std::int64_t workspace_bytes() const {
    return static_cast<std::int64_t>((x_.size() + dx_.size() + dgates_.size() + hidden_.size() + dh_.size()) *
                                     sizeof(float));
  }

  void run(Team& team, const Operands& io) {
    if (r_.is_batch_first) gather_inputs(r_, io.in(0), x_.data());
    for (std::int64_t d = 0; d < r_.directions; ++d) {
      load_state(r_, d, io.in(6), dh_.data());
      for (std::int64_t step = r_.steps; step-- > 0;) take_step(team, io, d, step);
      if (io.out(4) != nullptr) store_state(r_, d, {dh_.data(), r_.hidden}, io.out(4));
      if (io.out(1) != nullptr) differentiate_input_weights(team, io, d);
      if (io.out(2) != nullptr) differentiate_recurrent_weights(team, io, d);
      if (io.out(3) != nullptr) differentiate_bias(io, d);
      if (io.out(0) != nullptr) differentiate_inputs(team, io, d);
    }
    if (io.out(0) != nullptr && r_.is_batch_first) scatter_inputs(r_, dx_.data(), io.out(0));
  }

 private:
  [[nodiscard]] std::int64_t width() const { return kSaved * r_.hidden; }

  // to[batch × hidden] (+)= dgates[blocks] · weights
  void multiply(Team& team, const float* dgates, std::int64_t blocks, const float* weights, float beta, float* to,
                std::int64_t stride) const {
    Gemm product{.m = r_.batch, .n = r_.hidden, .k = blocks * r_.hidden, .beta = beta};
    product.a = dgates;
    product.lda = width();
    product.b = weights;
    product.ldb = r_.hidden;
    product.c = to;
    product.ldc = stride;
    gemm(team, product);
  }

  template <class Use>
  void for_sequences(Team& team, const Operands& io, std::int64_t d, std::int64_t step, const Use& use) {
    const std::int64_t time = r_.time(d, step);
    const StepRows before = r_.hidden_before(d, step, io.in(3), io.in(7));
    const float* gates = io.in(4) + r_.saved_at(d, width()) + time * r_.batch * width();
    const float* dy = io.in(5) == nullptr ? nullptr : io.in(5) + r_.output_at(d, time);
    float* dgates = dgates_.data() + time * r_.batch * width();
    team.for_range(r_.batch, grain(r_), [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t b = begin; b < end; ++b) {
        const Step s{gates + b * width(), before.first == nullptr ? nullptr : before.first + b * before.stride,
                     dy == nullptr ? nullptr : dy + b * r_.output_stride()};
        use(s, dh_.data() + b * r_.hidden, dgates + b * width());
      }
    });
  }

  // dh becomes the gradient of the state before the step.
  void take_step(Team& team, const Operands& io, std::int64_t d, std::int64_t step) {
    const std::int64_t n = r_.hidden;
    const float* weights = io.in(2) + d * kBlocks * n * n;
    float* dgates = dgates_.data() + r_.time(d, step) * r_.batch * width();
    for_sequences(team, io, d, step, [&](const Step& s, float* dh, float* to) {
      differentiate_blend(s, dh, to, n);
      if (!is_reset_first_) differentiate_late_reset(s.gates, to, n);
    });
    if (is_reset_first_) {
      multiply(team, dgates + 2 * n, 1, weights + 2 * n * n, 0.0F, dgates + 3 * n, width());
      for_sequences(team, io, d, step,
                    [&](const Step& s, float* dh, float* to) { differentiate_early_reset(s, dh, to, n); });
    } else {
      multiply(team, dgates + 3 * n, 1, weights + 2 * n * n, 1.0F, dh_.data(), n);
    }
    multiply(team, dgates, 2, weights, 1.0F, dh_.data(), n);
  }

  void differentiate_input_weights(Team& team, const Operands& io, std::int64_t d) {
    Gemm product{.transpose_a = true, .m = kBlocks * r_.hidden, .n = r_.inputs, .k = r_.rows()};
    product.a = dgates_.data();
    product.lda = width();
    product.b = r_.is_batch_first ? x_.data() : io.in(0);
    product.ldb = r_.inputs;
    product.c = io.out(1) + d * kBlocks * r_.hidden * r_.inputs;
    product.ldc = r_.inputs;
    gemm(team, product);
  }

  void differentiate_recurrent_weights(Team& team, const Operands& io, std::int64_t d) {
    const std::int64_t n = r_.hidden;
    gather_hidden_before(r_, d, io.in(3), io.in(7), hidden_.data());
    Gemm product{.transpose_a = true, .m = 2 * n, .n = n, .k = r_.rows()};
    product.a = dgates_.data();
    product.lda = width();
    product.b = hidden_.data();
    product.ldb = n;
    product.c = io.out(2) + d * kBlocks * n * n;
    product.ldc = n;
    gemm(team, product);
    product.m = n;
    product.c += 2 * n * n;
    if (is_reset_first_) {  // h saw R·q
      product.a = dgates_.data() + 2 * n;
      product.b = io.in(4) + r_.saved_at(d, width()) + 3 * n;
      product.ldb = width();
    } else {
      product.a = dgates_.data() + 3 * n;
    }
    gemm(team, product);
  }

  void differentiate_bias(const Operands& io, std::int64_t d) {
    const std::int64_t n = r_.hidden;
    float* inputs = io.out(3) + 2 * kBlocks * d * n;
    float* recurrent = inputs + kBlocks * n;
    sum_rows(dgates_.data(), r_.rows(), kBlocks * n, width(), inputs);
    std::copy_n(inputs, kBlocks * n, recurrent);
    if (!is_reset_first_) sum_rows(dgates_.data() + 3 * n, r_.rows(), n, width(), recurrent + 2 * n);
  }

  void differentiate_inputs(Team& team, const Operands& io, std::int64_t d) {
    Gemm product{.m = r_.rows(), .n = r_.inputs, .k = kBlocks * r_.hidden, .beta = d == 0 ? 0.0F : 1.0F};
    product.a = dgates_.data();
    product.lda = width();
    product.b = io.in(1) + d * kBlocks * r_.hidden * r_.inputs;
    product.ldb = r_.inputs;
    product.c = r_.is_batch_first ? dx_.data() : io.out(0);
    product.ldc = r_.inputs;
    gemm(team, product);
  }

  Recurrence r_;
  bool is_reset_first_;
  std::vector<float> x_, dx_, dgates_, hidden_, dh_;
};

}  // namespace

KernelPointer make_gru_grad(const KernelCall& call) {
  GruGradient gradient(call);
  const std::int64_t workspace = gradient.workspace_bytes();
  return function_kernel([&team = call.team, gradient](const Operands& io) mutable { gradient.run(team, io); },
                         workspace);
}

}  // namespace mp::runtime::cpu
