// RMSNormalization and its gradients: rows are what lies before the axis, columns what is normalised.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <utility>

#include "runtime/cpu/kernels/kernels.hpp"
#include "runtime/cpu/kernels/normalized_rows.hpp"
#include "runtime/cpu/simd.hpp"
#include "runtime/cpu/sums.hpp"

namespace mp::runtime::cpu {
namespace {

MP_SIMD void scale_row(const float* x, float inverse, const float* scale, float* y, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) y[i] = x[i] * inverse * scale[i];
}

// Σ dY·scale·x, in float32 over blocks of 256, the blocks in float64.
MP_SIMD double projection(const float* dy, const float* x, const float* scale, std::int64_t n) {
  constexpr std::int64_t kBlock = 256;
  double total = 0.0;
  for (std::int64_t block = 0; block < n; block += kBlock) {
    float sum = 0.0F;
    const std::int64_t end = std::min(n, block + kBlock);
#pragma omp simd reduction(+ : sum)
    for (std::int64_t i = block; i < end; ++i) sum += dy[i] * scale[i] * x[i];
    total += static_cast<double>(sum);
  }
  return total;
}

// dX = inv·dY·scale − x·share, share = inv³·Σ dY·scale·x / n
MP_SIMD void input_gradient_row(const float* dy, const float* x, const float* scale, float inverse, float share,
                                float* dx, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) dx[i] = inverse * dy[i] * scale[i] - x[i] * share;
}

MP_SIMD void add_weight_gradient(const float* dy, const float* x, float inverse, double* dscale, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) dscale[i] += static_cast<double>(dy[i] * (x[i] * inverse));
}

}  // namespace

KernelPointer make_rms_normalization(const KernelCall& call) {
  if (call.input(0).type != DataType::kFloat32) call.refuse_type(call.input(0).type);
  const NormalizedRows rows = normalized_rows(call, call.input(0).shape);
  const double epsilon = call.attributes().get_float("epsilon", 1e-5);
  return function_kernel([&team = call.team, rows, epsilon](const Operands& io) {
    team.for_range(rows.count, rows.grain(), [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t row = begin; row < end; ++row) {
        const float* x = io.in(0) + row * rows.width;
        const double mean = sum_of_squares(x, rows.width) / static_cast<double>(rows.width);
        const auto inverse = static_cast<float>(1.0 / std::sqrt(mean + epsilon));
        scale_row(x, inverse, io.in(1), io.out(0) + row * rows.width, rows.width);
        if (io.out(1) != nullptr) io.out(1)[row] = inverse;
      }
    });
  });
}

KernelPointer make_rms_normalization_input_grad(const KernelCall& call) {
  const NormalizedRows rows = normalized_rows(call, call.input(1).shape);
  return function_kernel([&team = call.team, rows](const Operands& io) {
    team.for_range(rows.count, rows.grain(), [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t row = begin; row < end; ++row) {
        const float* dy = io.in(0) + row * rows.width;
        const float* x = io.in(1) + row * rows.width;
        const float inverse = io.in(3)[row];
        const double cube = static_cast<double>(inverse) * static_cast<double>(inverse) * static_cast<double>(inverse);
        const double share = cube * projection(dy, x, io.in(2), rows.width) / static_cast<double>(rows.width);
        input_gradient_row(dy, x, io.in(2), inverse, static_cast<float>(share), io.out(0) + row * rows.width,
                           rows.width);
      }
    });
  });
}

KernelPointer make_rms_normalization_weight_grad(const KernelCall& call) {
  const NormalizedRows rows = normalized_rows(call, call.input(1).shape);
  ColumnSums sums(rows, 1);
  const std::int64_t workspace = sums.workspace_bytes();
  return function_kernel(
      [&team = call.team, rows, sums = std::move(sums)](const Operands& io) mutable {
        sums.add_rows(team, [&](std::int64_t row, double* to) {
          add_weight_gradient(io.in(0) + row * rows.width, io.in(1) + row * rows.width, io.in(2)[row], to, rows.width);
        });
        sums.write(0, io.out(0));
      },
      workspace);
}

}  // namespace mp::runtime::cpu
