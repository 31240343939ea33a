// LayerNormalization and its gradients: rows are what lies before the axis, columns what is normalised.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <utility>
#include <vector>

#include "runtime/cpu/index.hpp"
#include "runtime/cpu/kernels/kernels.hpp"
#include "runtime/cpu/simd.hpp"
#include "runtime/cpu/sums.hpp"

namespace mp::runtime::cpu {
namespace {

struct Rows {
  std::int64_t count = 1;
  std::int64_t width = 1;
  [[nodiscard]] std::int64_t grain() const { return std::max<std::int64_t>(1, kElementwiseGrain / 2 / width); }
};

Rows rows_of(const KernelCall& call, const Shape& shape) {
  const auto axis = static_cast<std::size_t>(positive_axis(call.attributes().get_int("axis", -1), shape.size()));
  Rows rows;
  for (std::size_t i = 0; i < shape.size(); ++i) (i < axis ? rows.count : rows.width) *= shape[i];
  return rows;
}

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

// Column sums over rows: the rows in a number of slices that follows from the shape, added in order at the end.
class WeightGradient {
 public:
  explicit WeightGradient(Rows rows)
      : rows_(rows), slices_(std::clamp<std::int64_t>(rows.count * rows.width / 65536, 1, 16)) {
    slices_ = std::min(slices_, rows.count);
    sums_.resize(static_cast<std::size_t>(2 * slices_ * rows.width));
  }

  void run(Team& team, const Operands& io) {
    const std::int64_t width = rows_.width;
    team.for_each(slices_, [&](std::int64_t slice, int) {
      double* dscale = sums_.data() + 2 * slice * width;
      double* dshift = dscale + width;
      std::fill_n(dscale, 2 * width, 0.0);
      for (std::int64_t row = rows_.count * slice / slices_; row < rows_.count * (slice + 1) / slices_; ++row) {
        add_weight_gradient(io.in(0) + row * width, io.in(1) + row * width, io.in(2)[row], io.in(3)[row], dscale,
                            dshift, width);
      }
    });
    fold(io.out(0), 0);
    fold(io.out(1), width);
  }
  [[nodiscard]] std::int64_t workspace_bytes() const {
    return static_cast<std::int64_t>(sums_.size() * sizeof(double));
  }

 private:
  void fold(float* to, std::int64_t offset) const {
    if (to == nullptr) return;
    for (std::int64_t i = 0; i < rows_.width; ++i) {
      double total = 0.0;
      for (std::int64_t slice = 0; slice < slices_; ++slice) {
        total += sums_[static_cast<std::size_t>(2 * slice * rows_.width + offset + i)];
      }
      to[i] = static_cast<float>(total);
    }
  }

  Rows rows_;
  std::int64_t slices_;
  std::vector<double> sums_;
};

}  // namespace

KernelPointer make_layer_normalization(const KernelCall& call) {
  if (call.input(0).type != DataType::kFloat32) call.refuse_type(call.input(0).type);
  const Rows rows = rows_of(call, call.input(0).shape);
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
  const Rows rows = rows_of(call, call.input(1).shape);
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
  WeightGradient gradient(rows_of(call, call.input(1).shape));
  const std::int64_t workspace = gradient.workspace_bytes();
  return function_kernel(
      [&team = call.team, gradient = std::move(gradient)](const Operands& io) mutable { gradient.run(team, io); },
      workspace);
}

}  // namespace mp::runtime::cpu
