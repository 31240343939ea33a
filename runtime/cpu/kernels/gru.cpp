// GRU: the products with W of all steps at once, those with R step by step. Saved beside the update gate z, the reset
// gate r and the new state h is what the reset gate looks at, q: r·H before the product with R (linear_before_reset 0),
// or the product, R·H + B, before r is applied to it (1).
#include <algorithm>
#include <cstdint>
#include <vector>

#include "runtime/cpu/gemm.hpp"
#include "runtime/cpu/kernels/kernels.hpp"
#include "runtime/cpu/kernels/recurrent.hpp"
#include "runtime/cpu/simd.hpp"

namespace mp::runtime::cpu {
namespace {

constexpr std::int64_t kBlocks = 3;  // update, reset, new state
constexpr std::int64_t kSaved = 4;

// Of one sequence: z and r from their sums; q ← r·before where the reset gate comes first.
MP_SIMD void open_gates(float* gates, const float* before, bool is_reset_first, std::int64_t n) {
  for (std::int64_t i = 0; i < 2 * n; ++i) gates[i] = simd::sigmoid(gates[i]);
  if (!is_reset_first) return;
  const float* reset = gates + n;
  float* seen = gates + 3 * n;
  for (std::int64_t i = 0; i < n; ++i) seen[i] = before == nullptr ? 0.0F : reset[i] * before[i];
}

// h ← tanh of its sum; Y = (1 − z)·h + z·before.
MP_SIMD void blend(float* gates, const float* before, bool is_reset_first, float* y, std::int64_t n) {
  const float* update = gates;
  const float* reset = gates + n;
  float* fresh = gates + 2 * n;
  const float* seen = gates + 3 * n;
  for (std::int64_t i = 0; i < n; ++i) {
    const float total = is_reset_first ? fresh[i] : fresh[i] + reset[i] * seen[i];
    fresh[i] = simd::tanh(total);
    y[i] = (1.0F - update[i]) * fresh[i] + update[i] * (before == nullptr ? 0.0F : before[i]);
  }
}

class Gru {
 public:
  explicit Gru(const KernelCall& call)
      : r_(recurrence_of(call)), is_reset_first_(call.attributes().get_int("linear_before_reset", 0) == 0) {
    const auto size = [](std::int64_t elements) { return static_cast<std::size_t>(elements); };
    if (r_.is_batch_first) x_.resize(size(r_.rows() * r_.inputs));
    if (!call.has_output(0)) y_.resize(size(r_.directions * r_.rows() * r_.hidden));
    if (!call.has_output(2)) gates_.resize(size(r_.directions * r_.rows() * width()));
  }
  [[nodiscard]] std::int64_t workspace_bytes() const {
    return static_cast<std::int64_t>((x_.size() + y_.size() + gates_.size()) * sizeof(float));
  }

  void run(Team& team, const Operands& io) {
    const float* x = io.in(0);
    if (r_.is_batch_first) {
      gather_inputs(r_, x, x_.data());
      x = x_.data();
    }
    y_out_ = or_scratch(io.out(0), y_);
    gates_out_ = or_scratch(io.out(2), gates_);
    for (std::int64_t d = 0; d < r_.directions; ++d) {
      project_inputs(team, io, x, d);
      for (std::int64_t step = 0; step < r_.steps; ++step) take_step(team, io, d, step);
      if (io.out(1) != nullptr) store_state(r_, d, r_.hidden_before(d, r_.steps, y_out_, nullptr), io.out(1));
    }
  }

 private:
  [[nodiscard]] std::int64_t width() const { return kSaved * r_.hidden; }
  [[nodiscard]] float* gates_of(std::int64_t d, std::int64_t time) const {
    return gates_out_ + r_.saved_at(d, width()) + time * r_.batch * width();
  }

  // Into the places of z, r, h; the bias of R for h into q where that is added before the reset gate.
  void project_inputs(Team& team, const Operands& io, const float* x, std::int64_t d) const {
    const std::int64_t n = r_.hidden;
    Gemm product{.transpose_b = true, .m = r_.rows(), .n = kBlocks * n, .k = r_.inputs};
    product.a = x;
    product.lda = r_.inputs;
    product.b = io.in(1) + d * kBlocks * n * r_.inputs;
    product.ldb = r_.inputs;
    product.c = gates_of(d, 0);
    product.ldc = width();
    gemm(team, product);
    if (!is_reset_first_) {
      for (std::int64_t row = 0; row < r_.rows(); ++row) std::fill_n(product.c + row * width() + kBlocks * n, n, 0.0F);
    }
    if (io.in(3) == nullptr) return;
    const float* bias = io.in(3) + 2 * kBlocks * d * n;
    add_rows(product.c, bias, r_.rows(), kBlocks * n, width());
    add_rows(product.c, bias + kBlocks * n, r_.rows(), 2 * n, width());
    add_rows(product.c + (is_reset_first_ ? 2 : kBlocks) * n, bias + (kBlocks + 2) * n, r_.rows(), n, width());
  }

  // gates[to …) += rows · Rᵀ[blocks from …)
  void add_recurrent(Team& team, StepRows rows, const float* weights, std::int64_t blocks, float* to) const {
    Gemm product{.transpose_b = true, .m = r_.batch, .n = blocks * r_.hidden, .k = r_.hidden, .beta = 1.0F};
    product.a = rows.first;
    product.lda = rows.stride;
    product.b = weights;
    product.ldb = r_.hidden;
    product.c = to;
    product.ldc = width();
    gemm(team, product);
  }

  void take_step(Team& team, const Operands& io, std::int64_t d, std::int64_t step) const {
    const std::int64_t n = r_.hidden;
    float* gates = gates_of(d, r_.time(d, step));
    float* y = y_out_ + r_.output_at(d, r_.time(d, step));
    const float* weights = io.in(2) + d * kBlocks * n * n;
    const StepRows before = r_.hidden_before(d, step, y_out_, io.in(5));
    const auto before_of = [&](std::int64_t b) {
      return before.first == nullptr ? nullptr : before.first + b * before.stride;
    };
    if (before.first != nullptr) {
      add_recurrent(team, before, weights, 2, gates);
      if (!is_reset_first_) add_recurrent(team, before, weights + 2 * n * n, 1, gates + 3 * n);
    }
    team.for_range(r_.batch, grain(r_), [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t b = begin; b < end; ++b) open_gates(gates + b * width(), before_of(b), is_reset_first_, n);
    });
    if (is_reset_first_ && before.first != nullptr) {
      add_recurrent(team, {gates + 3 * n, width()}, weights + 2 * n * n, 1, gates + 2 * n);
    }
    team.for_range(r_.batch, grain(r_), [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t b = begin; b < end; ++b) {
        blend(gates + b * width(), before_of(b), is_reset_first_, y + b * r_.output_stride(), n);
      }
    });
  }

  Recurrence r_;
  bool is_reset_first_;
  std::vector<float> x_, y_, gates_;
  float* y_out_ = nullptr;
  float* gates_out_ = nullptr;
};

}  // namespace

KernelPointer make_gru(const KernelCall& call) {
  Gru gru(call);
  const std::int64_t workspace = gru.workspace_bytes();
  return function_kernel([&team = call.team, gru](const Operands& io) mutable { gru.run(team, io); }, workspace);
}

}  // namespace mp::runtime::cpu
