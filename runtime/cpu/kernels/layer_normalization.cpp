// LayerNormalization and its gradients: rows are what lies before the axis, columns what is normalised.
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

MP_SIMD void normalize_row(const float* x, float mean, float inverse, const float* scale, const float* shift, float* y,
                           std::int64_t n) {
  if (shift == nullptr) {
    for (std::int64_t i = 0; i < n; ++i) y[i] = (x[i] - mean) * inverse * scale[i];
  } else {
    for (std::int64_t i = 0; i < n; ++i) y[i] = (x[i] - mean) * inverse * scale[i] + shift[i];
  }
}

struct RowSums {
  double gradient = 0.0;   // Σ dY·scale
  double projected = 0.0;  // Σ dY·scale·x̂
};

// In float32 over blocks of 256, the blocks in float64: rows are short, and their sums feed a float32 result.
MP_SIMD RowSums row_sums(const float* dy, const float* x, const float* scale, float mean, float inverse,
                         std::int64_t n) {
  constexpr std::int64_t kBlock = 256;
  RowSums total;
  for (std::int64_t block = 0; block < n; block += kBlock) {
    float gradient = 0.0F;
    float projected = 0.0F;
    const std::int64_t end = std::min(n, block + kBlock);
#pragma omp simd reduction(+ : gradient, projected)
    for (std::int64_t i = block; i < end; ++i) {
      const float g = dy[i] * scale[i];
      gradient += g;
      projected += g * ((x[i] - mean) * inverse);
    }
    total.gradient += static_cast<double>(gradient);
    total.projected += static_cast<double>(projected);
  }
  return total;
}

struct RowGradient {
  float mean;
  float inverse;
  float gradient_mean;   // Σ dY·scale / n
  float projected_mean;  // Σ dY·scale·x̂ / n
};

// dX = inv·(dY·scale − mean(dY·scale) − x̂·mean(dY·scale·x̂))
MP_SIMD void input_gradient_row(const float* dy, const float* x, const float* scale, const RowGradient& r, float* dx,
                                std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) {
    const float normal = (x[i] - r.mean) * r.inverse;
    dx[i] = r.inverse * (dy[i] * scale[i] - r.gradient_mean - normal * r.projected_mean);
  }
}

MP_SIMD void add_weight_gradient(const float* dy, const float* x, float mean, float inverse, double* dscale,
                                 double* dshift, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) {
    dscale[i] += static_cast<double>(dy[i] * ((x[i] - mean) * inverse));
    dshift[i] += static_cast<double>(dy[i]);
  }
}

}  // namespace

KernelPointer make_layer_normalization(const KernelCall& call) {
  if (call.input(0).type != DataType::kFloat32) call.refuse_type(call.input(0).type);
  const NormalizedRows rows = normalized_rows(call, call.input(0).shape);
  const double epsilon = call.attributes().get_float("epsilon", 1e-5);
  return function_kernel([&team = call.team, rows, epsilon](const Operands& io) {
    const double count = static_cast<double>(rows.width);
    team.for_range(rows.count, rows.grain(), [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t row = begin; row < end; ++row) {
        const float* x = io.in(0) + row * rows.width;
        const double mean = sum(x, rows.width) / count;
        const double variance = sum_of_square_deviations(x, mean, rows.width) / count;
        const auto inverse = static_cast<float>(1.0 / std::sqrt(variance + epsilon));
        const auto center = static_cast<float>(mean);
        normalize_row(x, center, inverse, io.in(1), io.in(2), io.out(0) + row * rows.width, rows.width);
        if (io.out(1) != nullptr) io.out(1)[row] = center;
        if (io.out(2) != nullptr) io.out(2)[row] = inverse;
      }
    });
  });
}

KernelPointer make_layer_normalization_input_grad(const KernelCall& call) {
  const NormalizedRows rows = normalized_rows(call, call.input(1).shape);
  return function_kernel([&team = call.team, rows](const Operands& io) {
    const double count = static_cast<double>(rows.width);
    team.for_range(rows.count, rows.grain(), [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t row = begin; row < end; ++row) {
        const float* dy = io.in(0) + row * rows.width;
        const float* x = io.in(1) + row * rows.width;
        const float mean = io.in(3)[row];
        const float inverse = io.in(4)[row];
        const RowSums sums = row_sums(dy, x, io.in(2), mean, inverse, rows.width);
        input_gradient_row(
            dy, x, io.in(2),
            {mean, inverse, static_cast<float>(sums.gradient / count), static_cast<float>(sums.projected / count)},
            io.out(0) + row * rows.width, rows.width);
      }
    });
  });
}

KernelPointer make_layer_normalization_weight_grad(const KernelCall& call) {
  const NormalizedRows rows = normalized_rows(call, call.input(1).shape);
  ColumnSums sums(rows, 2);
  const std::int64_t workspace = sums.workspace_bytes();
  return function_kernel(
      [&team = call.team, rows, sums = std::move(sums)](const Operands& io) mutable {
        sums.add_rows(team, [&](std::int64_t row, double* to) {
          add_weight_gradient(io.in(0) + row * rows.width, io.in(1) + row * rows.width, io.in(2)[row], io.in(3)[row],
                              to, to + rows.width, rows.width);
        });
        sums.write(0, io.out(0));
        sums.write(1, io.out(1));
      },
      workspace);
}

}  // namespace mp::runtime::cpu
