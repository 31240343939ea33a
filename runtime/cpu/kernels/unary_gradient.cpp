// Gradients of the elementwise functions: dX from dY and what forward kept, its output Y or its input X.
#include <cstdint>

#include "runtime/cpu/elementwise.hpp"
#include "runtime/cpu/kernels/kernels.hpp"
#include "runtime/cpu/simd.hpp"
#include "runtime/semantics/activation.hpp"

namespace mp::runtime::cpu {
namespace {

struct Run {
  const float* dy;
  const float* kept;
  float* dx;
  std::int64_t count;
  float alpha;
};

template <class Function>
MP_INLINE void map(const Run& run, Function slope_times) {
  const float* dy = run.dy;
  const float* kept = run.kept;
  float* dx = run.dx;
  for (std::int64_t i = 0; i < run.count; ++i) dx[i] = slope_times(dy[i], kept[i]);
}

// Φ(x) + x·φ(x)
MP_INLINE float gelu_slope(float x) {
  const float density = 0.39894228F * simd::exp(-0.5F * x * x);
  return 0.5F * (1.0F + simd::erf(x * 0.70710678F)) + x * density;
}

MP_INLINE float gelu_tanh_slope(float x) {
  const float z = x * x;
  const float t = simd::tanh(0.79788456F * (x + 0.044715F * z * x));
  return 0.5F * (1.0F + t) + 0.5F * x * (1.0F - t * t) * 0.79788456F * (1.0F + 0.134145F * z);
}

MP_INLINE float swish_slope(float x, float alpha) {
  const float s = simd::sigmoid(alpha * x);
  return s + alpha * x * s * (1.0F - s);
}

MP_INLINE float sign(float x) { return x > 0.0F ? 1.0F : x < 0.0F ? -1.0F : 0.0F; }

// From Y: Relu, LeakyRelu, Elu, Sigmoid, Tanh; from X: the others. Those without an operator of their own (ExpGrad …)
// are written with other operators by their gradient rules.
MP_SIMD void run_gradient(Activation kind, const Run& run) {
  const float a = run.alpha;
  switch (kind) {
    case Activation::kRelu:
      return map(run, [](float dy, float y) { return y > 0.0F ? dy : 0.0F; });
    case Activation::kLeakyRelu:
      return map(run, [a](float dy, float y) { return y > 0.0F ? dy : a * dy; });
    case Activation::kElu:
      return map(run, [a](float dy, float y) { return y > 0.0F ? dy : dy * (y + a); });
    case Activation::kSigmoid:
      return map(run, [](float dy, float y) { return dy * y * (1.0F - y); });
    case Activation::kTanh:
      return map(run, [](float dy, float y) { return dy * (1.0F - y * y); });
    case Activation::kGelu:
      return map(run, [](float dy, float x) { return dy * gelu_slope(x); });
    case Activation::kGeluTanh:
      return map(run, [](float dy, float x) { return dy * gelu_tanh_slope(x); });
    case Activation::kSwish:
      return map(run, [a](float dy, float x) { return dy * swish_slope(x, a); });
    case Activation::kErf:
      return map(run, [](float dy, float x) { return dy * 1.12837917F * simd::exp(-x * x); });
    case Activation::kAbs:
      return map(run, [](float dy, float x) { return dy * sign(x); });
    case Activation::kSqrt:
    case Activation::kExp:
    case Activation::kLog:
    case Activation::kNeg:
      break;
  }
}

}  // namespace

KernelPointer make_unary_gradient(const KernelCall& call) {
  if (call.input(0).type != DataType::kFloat32) call.refuse_type(call.input(0).type);
  const ActivationCall activation = activation_of(call);
  const std::int64_t size = elements(call.output(0).shape);
  return elementwise_kernel(call.team, size, [activation](const Operands& io, std::int64_t begin, std::int64_t end) {
    run_gradient(activation.kind, {io.in(0) + begin, io.in(1) + begin, io.out(0) + begin, end - begin,
                                   static_cast<float>(activation.alpha)});
  });
}

}  // namespace mp::runtime::cpu
