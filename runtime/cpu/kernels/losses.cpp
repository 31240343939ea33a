// MeanSquaredError, MeanAbsoluteError, BinaryCrossEntropy and their gradients.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "runtime/cpu/kernels/kernels.hpp"
#include "runtime/cpu/simd.hpp"
#include "runtime/cpu/sums.hpp"

namespace mp::runtime::cpu {
namespace {

enum class Loss : std::uint8_t { kSquared, kAbsolute, kCrossEntropy, kCrossEntropyOfLogits };

struct Run {
  const float* x;
  const float* target;
  float* to;
  std::int64_t count;
};

template <class Function>
MP_INLINE void map(const Run& run, Function f) {
  for (std::int64_t i = 0; i < run.count; ++i) run.to[i] = f(run.x[i], run.target[i]);
}

MP_INLINE float capped_log(float x) { return std::max(simd::log(x), -100.0F); }

MP_INLINE float cross_entropy(float x, float t) { return -t * capped_log(x) - (1.0F - t) * capped_log(1.0F - x); }

MP_INLINE float logits_cross_entropy(float x, float t) {
  return std::max(x, 0.0F) - x * t + simd::log(1.0F + simd::exp(-std::fabs(x)));
}

MP_SIMD void terms(Loss loss, const Run& run) {
  switch (loss) {
    case Loss::kSquared:
      return map(run, [](float x, float t) { return (x - t) * (x - t); });
    case Loss::kAbsolute:
      return map(run, [](float x, float t) { return std::fabs(x - t); });
    case Loss::kCrossEntropy:
      return map(run, [](float x, float t) { return cross_entropy(x, t); });
    case Loss::kCrossEntropyOfLogits:
      return map(run, [](float x, float t) { return logits_cross_entropy(x, t); });
  }
}

MP_INLINE float sign(float x) { return x > 0.0F ? 1.0F : x < 0.0F ? -1.0F : 0.0F; }

MP_SIMD void gradients(Loss loss, const Run& run, float factor) {
  switch (loss) {
    case Loss::kSquared:
      return map(run, [factor](float x, float t) { return 2.0F * (x - t) * factor; });
    case Loss::kAbsolute:
      return map(run, [factor](float x, float t) { return sign(x - t) * factor; });
    case Loss::kCrossEntropy:
      return map(run, [factor](float x, float t) { return (x - t) / std::max(x * (1.0F - x), 1e-12F) * factor; });
    case Loss::kCrossEntropyOfLogits:
      return map(run, [factor](float x, float t) { return (simd::sigmoid(x) - t) * factor; });
  }
}

bool is_mean(const KernelCall& call) { return call.attributes().get_string("reduction", "mean") == "mean"; }

// Sums of parts of one size, then the parts in order.
KernelPointer loss_kernel(const KernelCall& call, Loss loss) {
  if (call.input(0).type != DataType::kFloat32) call.refuse_type(call.input(0).type);
  const std::int64_t size = elements(call.input(0).shape);
  const double factor = is_mean(call) ? 1.0 / static_cast<double>(size) : 1.0;
  std::vector<double> parts(static_cast<std::size_t>((size + kElementwiseGrain - 1) / kElementwiseGrain));
  const auto workspace = static_cast<std::int64_t>(parts.size() * sizeof(double));
  return function_kernel(
      [&team = call.team, loss, size, factor, parts](const Operands& io) mutable {
        team.for_range(size, kElementwiseGrain, [&](std::int64_t begin, std::int64_t end) {
          constexpr std::int64_t kBlock = 1024;
          float block[kBlock];
          double total = 0.0;
          for (std::int64_t i = begin; i < end; i += kBlock) {
            const std::int64_t count = std::min(kBlock, end - i);
            terms(loss, {io.in(0) + i, io.in(1) + i, block, count});
            total += sum(block, count);
          }
          parts[static_cast<std::size_t>(begin / kElementwiseGrain)] = total;
        });
        double total = 0.0;
        for (const double part : parts) total += part;
        *io.out(0) = static_cast<float>(total * factor);
      },
      workspace);
}

KernelPointer gradient_kernel(const KernelCall& call, Loss loss) {
  if (call.input(1).type != DataType::kFloat32) call.refuse_type(call.input(1).type);
  const std::int64_t size = elements(call.input(1).shape);
  const float divisor = is_mean(call) ? static_cast<float>(size) : 1.0F;
  return function_kernel([&team = call.team, loss, size, divisor](const Operands& io) {
    const float factor = *io.in(0) / divisor;
    team.for_range(size, kElementwiseGrain, [&](std::int64_t begin, std::int64_t end) {
      gradients(loss, {io.in(1) + begin, io.in(2) + begin, io.out(0) + begin, end - begin}, factor);
    });
  });
}

Loss cross_entropy_of(const KernelCall& call) {
  return call.attributes().get_int("logits", 0) != 0 ? Loss::kCrossEntropyOfLogits : Loss::kCrossEntropy;
}

}  // namespace

KernelPointer make_mean_squared_error(const KernelCall& call) { return loss_kernel(call, Loss::kSquared); }
KernelPointer make_mean_squared_error_grad(const KernelCall& call) { return gradient_kernel(call, Loss::kSquared); }
KernelPointer make_mean_absolute_error(const KernelCall& call) { return loss_kernel(call, Loss::kAbsolute); }
KernelPointer make_mean_absolute_error_grad(const KernelCall& call) { return gradient_kernel(call, Loss::kAbsolute); }
KernelPointer make_binary_cross_entropy(const KernelCall& call) { return loss_kernel(call, cross_entropy_of(call)); }
KernelPointer make_binary_cross_entropy_grad(const KernelCall& call) {
  return gradient_kernel(call, cross_entropy_of(call));
}

}  // namespace mp::runtime::cpu
