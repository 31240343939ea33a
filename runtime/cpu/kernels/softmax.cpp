// Softmax, LogSoftmax and their gradients, along one axis.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "runtime/cpu/index.hpp"
#include "runtime/cpu/kernels/kernels.hpp"
#include "runtime/cpu/simd.hpp"
#include "runtime/cpu/sums.hpp"

namespace mp::runtime::cpu {
namespace {

MP_SIMD void exponentials(const float* x, float shift, float* y, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) y[i] = simd::exp(x[i] - shift);
}

MP_SIMD void scale(float* y, float factor, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) y[i] *= factor;
}

MP_SIMD void shift(const float* x, float by, float* y, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) y[i] = x[i] - by;
}

MP_SIMD void softmax_gradient(const float* dy, const float* y, float dot_product, float* dx, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) dx[i] = y[i] * (dy[i] - dot_product);
}

MP_SIMD void log_softmax_gradient(const float* dy, const float* y, float total, float* dx, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) dx[i] = dy[i] - simd::exp(y[i]) * total;
}

// A line of which everything is masked (−Inf) has no distribution: zeros, as attention needs them.
void softmax_line(const float* x, float* y, std::int64_t n) {
  const float most = maximum(x, n);
  if (most == -HUGE_VALF && sum(x, n) == -HUGE_VAL) {
    std::fill_n(y, n, 0.0F);
    return;
  }
  exponentials(x, most, y, n);
  scale(y, static_cast<float>(1.0 / sum(y, n)), n);
}

void log_softmax_line(const float* x, float* y, std::int64_t n) {
  const float most = maximum(x, n);
  exponentials(x, most, y, n);
  const double log_sum = std::log(sum(y, n));
  shift(x, static_cast<float>(static_cast<double>(most) + log_sum), y, n);
}

void softmax_grad_line(const float* dy, const float* y, float* dx, std::int64_t n) {
  softmax_gradient(dy, y, static_cast<float>(dot(dy, y, n)), dx, n);
}

void log_softmax_grad_line(const float* dy, const float* y, float* dx, std::int64_t n) {
  log_softmax_gradient(dy, y, static_cast<float>(sum(dy, n)), dx, n);
}

void gather_line(const float* from, std::int64_t stride, float* to, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) to[i] = from[i * stride];
}

void scatter_line(const float* from, float* to, std::int64_t stride, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) to[i * stride] = from[i];
}

// line(x, y, n) over all lines; a line that does not lie side by side goes through scratch.
template <class Line>
KernelPointer line_kernel(const KernelCall& call, std::size_t inputs, Line line) {
  if (call.input(0).type != DataType::kFloat32) call.refuse_type(call.input(0).type);
  const LineExtents l = line_extents(call.output(0).shape, call.attributes().get_int("axis", -1));
  const auto scratch_line = static_cast<std::size_t>(l.extent) * (inputs + 1);
  std::vector<float> scratch;
  if (l.inner > 1) scratch.resize(scratch_line * static_cast<std::size_t>(call.team.threads()));
  const auto workspace = static_cast<std::int64_t>(scratch.size() * sizeof(float));
  return function_kernel(
      [&team = call.team, l, inputs, line, scratch_line, scratch](const Operands& io) mutable {
        const std::int64_t count = l.outer * l.inner;
        const std::int64_t grain =
            std::max<std::int64_t>(1, kElementwiseGrain / 4 / std::max<std::int64_t>(1, l.extent));
        team.for_each((count + grain - 1) / grain, [&](std::int64_t part, int worker) {
          for (std::int64_t i = part * grain; i < std::min(count, (part + 1) * grain); ++i) {
            const std::int64_t start = i / l.inner * l.extent * l.inner + i % l.inner;
            if (l.inner == 1) {
              line(io.in(0) + start, inputs > 1 ? io.in(1) + start : nullptr, io.out(0) + start, l.extent);
              continue;
            }
            float* a = scratch.data() + scratch_line * static_cast<std::size_t>(worker);
            float* y = a + l.extent;
            float* b = y + l.extent;
            gather_line(io.in(0) + start, l.inner, a, l.extent);
            if (inputs > 1) gather_line(io.in(1) + start, l.inner, b, l.extent);
            line(a, b, y, l.extent);
            scatter_line(y, io.out(0) + start, l.inner, l.extent);
          }
        });
      },
      workspace);
}

}  // namespace

KernelPointer make_softmax(const KernelCall& call) {
  return line_kernel(call, 1, [](const float* x, const float*, float* y, std::int64_t n) { softmax_line(x, y, n); });
}

KernelPointer make_log_softmax(const KernelCall& call) {
  return line_kernel(call, 1,
                     [](const float* x, const float*, float* y, std::int64_t n) { log_softmax_line(x, y, n); });
}

KernelPointer make_softmax_grad(const KernelCall& call) { return line_kernel(call, 2, softmax_grad_line); }

KernelPointer make_log_softmax_grad(const KernelCall& call) { return line_kernel(call, 2, log_softmax_grad_line); }

}  // namespace mp::runtime::cpu
