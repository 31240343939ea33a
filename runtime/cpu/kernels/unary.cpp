// Elementwise operators of one operand: activations and functions.
#include <cmath>
#include <cstdint>

#include "runtime/cpu/elementwise.hpp"
#include "runtime/cpu/kernels/kernels.hpp"
#include "runtime/cpu/simd.hpp"
#include "runtime/semantics/activation.hpp"

namespace mp::runtime::cpu {
namespace {

struct Run {
  const float* x;
  float* y;
  std::int64_t count;
  float alpha;
};

template <class Function>
MP_INLINE void map(const Run& run, Function f) {
  const float* x = run.x;
  float* y = run.y;
  for (std::int64_t i = 0; i < run.count; ++i) y[i] = f(x[i]);
}

// ½x(1 + erf(x/√2)), and its approximation ½x(1 + tanh(√(2/π)(x + 0.044715x³))).
MP_INLINE float gelu(float x) { return 0.5F * x * (1.0F + simd::erf(x * 0.70710678F)); }
MP_INLINE float gelu_tanh(float x) { return 0.5F * x * (1.0F + simd::tanh(0.79788456F * (x + 0.044715F * x * x * x))); }

MP_SIMD void run_unary(Activation kind, const Run& run) {
  const float a = run.alpha;
  switch (kind) {
    case Activation::kRelu:
      return map(run, [](float x) { return x < 0.0F ? 0.0F : x; });
    case Activation::kLeakyRelu:
      return map(run, [a](float x) { return x < 0.0F ? a * x : x; });
    case Activation::kElu:
      return map(run, [a](float x) { return x < 0.0F ? a * simd::expm1(x) : x; });
    case Activation::kSigmoid:
      return map(run, [](float x) { return simd::sigmoid(x); });
    case Activation::kTanh:
      return map(run, [](float x) { return simd::tanh(x); });
    case Activation::kGelu:
      return map(run, [](float x) { return gelu(x); });
    case Activation::kGeluTanh:
      return map(run, [](float x) { return gelu_tanh(x); });
    case Activation::kSwish:
      return map(run, [a](float x) { return x * simd::sigmoid(a * x); });
    case Activation::kSqrt:
      return map(run, [](float x) { return std::sqrt(x); });
    case Activation::kExp:
      return map(run, [](float x) { return simd::exp(x); });
    case Activation::kLog:
      return map(run, [](float x) { return simd::log(x); });
    case Activation::kErf:
      return map(run, [](float x) { return simd::erf(x); });
    case Activation::kNeg:
      return map(run, [](float x) { return -x; });
    case Activation::kAbs:
      return map(run, [](float x) { return std::fabs(x); });
  }
}

}  // namespace

KernelPointer make_unary(const KernelCall& call) {
  if (call.input(0).type != DataType::kFloat32) call.refuse_type(call.input(0).type);
  const ActivationCall activation = activation_of(call);
  const std::int64_t size = elements(call.output(0).shape);
  return elementwise_kernel(call.team, size, [activation](const Operands& io, std::int64_t begin, std::int64_t end) {
    run_unary(activation.kind,
              {io.in(0) + begin, io.out(0) + begin, end - begin, static_cast<float>(activation.alpha)});
  });
}

}  // namespace mp::runtime::cpu
