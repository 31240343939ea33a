// RMSNormalization and its gradients: rows are what lies before the axis, columns what is normalised.
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

// Column sums over rows: the rows in a number of slices that follows from the shape, added in order at the end.
class WeightGradient {
 public:
  explicit WeightGradient(Rows rows)
      : rows_(rows), slices_(std::clamp<std::int64_t>(rows.count * rows.width / 65536, 1, 16)) {
    slices_ = std::min(slices_, rows.count);
    sums_.resize(static_cast<std::size_t>(slices_ * rows.width));
  }

  void run(Team& team, const Operands& io) {
    const std::int64_t width = rows_.width;
    team.for_each(slices_, [&](std::int64_t slice, int) {
      double* sums = sums_.data() + slice * width;
      std::fill_n(sums, width, 0.0);
      for (std::int64_t row = rows_.count * slice / slices_; row < rows_.count * (slice + 1) / slices_; ++row) {
        add_weight_gradient(io.in(0) + row * width, io.in(1) + row * width, io.in(2)[row], sums, width);
      }
    });
    for (std::int64_t i = 0; i < width; ++i) {
      double total = 0.0;
      for (std::int64_t slice = 0; slice < slices_; ++slice)
        total += sums_[static_cast<std::size_t>(slice * width + i)];
      io.out(0)[i] = static_cast<float>(total);
    }
  }
  [[nodiscard]] std::int64_t workspace_bytes() const {
    return static_cast<std::int64_t>(sums_.size() * sizeof(double));
  }

 private:
  Rows rows_;
  std::int64_t slices_;
  std::vector<double> sums_;
};

}  // namespace

KernelPointer make_rms_normalization(const KernelCall& call) {
  if (call.input(0).type != DataType::kFloat32) call.refuse_type(call.input(0).type);
  const Rows rows = rows_of(call, call.input(0).shape);
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
  const Rows rows = rows_of(call, call.input(1).shape);
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
  WeightGradient gradient(rows_of(call, call.input(1).shape));
  const std::int64_t workspace = gradient.workspace_bytes();
  return function_kernel(
      [&team = call.team, gradient = std::move(gradient)](const Operands& io) mutable { gradient.run(team, io); },
      workspace);
}

}  // namespace mp::runtime::cpu
