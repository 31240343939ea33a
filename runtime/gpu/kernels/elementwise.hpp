// Elementwise functions of one, two and three operands, as items.
#pragma once

#include <cmath>
#include <cstdint>

#include "runtime/gpu/packs.hpp"
#include "runtime/gpu/portable.hpp"
#include "runtime/gpu/strided.hpp"
#include "runtime/semantics/activation.hpp"

namespace mp::runtime::gpu {

MP_HD inline float sigmoid(float x) { return 1.0F / (1.0F + expf(-x)); }
MP_HD inline float sign(float x) { return x > 0.0F ? 1.0F : x < 0.0F ? -1.0F : 0.0F; }

MP_HD inline float unary_value(Activation kind, float a, float x) {
  switch (kind) {
    case Activation::kRelu:
      return x < 0.0F ? 0.0F : x;
    case Activation::kLeakyRelu:
      return x < 0.0F ? a * x : x;
    case Activation::kElu:
      return x < 0.0F ? a * expm1f(x) : x;
    case Activation::kSigmoid:
      return sigmoid(x);
    case Activation::kTanh:
      return tanhf(x);
    case Activation::kGelu:  // ½x(1 + erf(x/√2))
      return 0.5F * x * (1.0F + erff(x * 0.70710678F));
    case Activation::kGeluTanh:  // ½x(1 + tanh(√(2/π)(x + 0.044715x³)))
      return 0.5F * x * (1.0F + tanhf(0.79788456F * (x + 0.044715F * x * x * x)));
    case Activation::kSwish:
      return x * sigmoid(a * x);
    case Activation::kSqrt:
      return sqrtf(x);
    case Activation::kExp:
      return expf(x);
    case Activation::kLog:
      return logf(x);
    case Activation::kErf:
      return erff(x);
    case Activation::kNeg:
      return -x;
    case Activation::kAbs:
      return fabsf(x);
  }
  return x;
}

// Φ(x) + x·φ(x)
MP_HD inline float gelu_slope(float x) {
  return 0.5F * (1.0F + erff(x * 0.70710678F)) + x * 0.39894228F * expf(-0.5F * x * x);
}

MP_HD inline float gelu_tanh_slope(float x) {
  const float z = x * x;
  const float t = tanhf(0.79788456F * (x + 0.044715F * z * x));
  return 0.5F * (1.0F + t) + 0.5F * x * (1.0F - t * t) * 0.79788456F * (1.0F + 0.134145F * z);
}

MP_HD inline float swish_slope(float x, float alpha) {
  const float s = sigmoid(alpha * x);
  return s + alpha * x * s * (1.0F - s);
}

// dX from dY and what forward kept: its output (Relu, LeakyRelu, Elu, Sigmoid, Tanh) or its input (the others).
MP_HD inline float unary_gradient(Activation kind, float a, float dy, float kept) {
  switch (kind) {
    case Activation::kRelu:
      return kept > 0.0F ? dy : 0.0F;
    case Activation::kLeakyRelu:
      return kept > 0.0F ? dy : a * dy;
    case Activation::kElu:
      return kept > 0.0F ? dy : dy * (kept + a);
    case Activation::kSigmoid:
      return dy * kept * (1.0F - kept);
    case Activation::kTanh:
      return dy * (1.0F - kept * kept);
    case Activation::kGelu:
      return dy * gelu_slope(kept);
    case Activation::kGeluTanh:
      return dy * gelu_tanh_slope(kept);
    case Activation::kSwish:
      return dy * swish_slope(kept, a);
    case Activation::kErf:
      return dy * 1.12837917F * expf(-kept * kept);
    case Activation::kAbs:
      return dy * sign(kept);
    case Activation::kSqrt:
    case Activation::kExp:
    case Activation::kLog:
    case Activation::kNeg:
      break;  // written with other operators by their gradient rules
  }
  return dy;
}

struct UnaryItem {
  Activation kind;
  float alpha;
  ConstReals x;
  Reals y;
  MP_HD bool is_packable() const { return are_packable(x, y); }
  template <int N>
  MP_HD void run(std::int64_t i) const {
    Pack<N> pack = load<N>(x, i);
    for (int k = 0; k < N; ++k) pack.x[k] = unary_value(kind, alpha, pack.x[k]);
    store(y, i, pack);
  }
};

struct UnaryGradientItem {
  Activation kind;
  float alpha;
  ConstReals dy;
  ConstReals kept;
  Reals dx;
  MP_HD bool is_packable() const { return are_packable(dy, kept, dx); }
  template <int N>
  MP_HD void run(std::int64_t i) const {
    Pack<N> pack = load<N>(dy, i);
    const Pack<N> inputs = load<N>(kept, i);
    for (int k = 0; k < N; ++k) pack.x[k] = unary_gradient(kind, alpha, pack.x[k], inputs.x[k]);
    store(dx, i, pack);
  }
};

enum class Binary : std::uint8_t { kAdd, kSub, kMul, kDiv, kPow };

MP_HD inline float binary_value(Binary op, float a, float b) {
  switch (op) {
    case Binary::kAdd:
      return a + b;
    case Binary::kSub:
      return a - b;
    case Binary::kMul:
      return a * b;
    case Binary::kDiv:
      return a / b;
    case Binary::kPow:
      return b == 2.0F ? a * a : b == 0.5F ? sqrtf(a) : powf(a, b);
  }
  return a;
}

// Broadcast as ONNX does; y lies side by side.
struct BinaryItem {
  Binary op;
  bool same_shape;  // a and b lie as y does: no offsets to find
  Strided<2> at;
  ConstReals a;
  ConstReals b;
  Reals y;
  // Eight elements of y lie side by side in a and b, too: those of a positional embedding do.
  MP_HD bool is_packable() const {
    if (!are_packable(a, b, y)) return false;
    if (same_shape) return true;
    for (std::size_t axis = 0; axis + 1 < at.axes; ++axis) {
      for (const std::int64_t stride : at.strides[axis]) {
        if (stride % kPack != 0) return false;
      }
    }
    const std::size_t last = at.axes - 1;
    return at.axes > 0 && at.extents[last] % kPack == 0 && at.strides[last][0] == 1 && at.strides[last][1] == 1;
  }
  template <int N>
  MP_HD void run(std::int64_t i) const {
    std::int64_t from_a = i;
    std::int64_t from_b = i;
    if (!same_shape) {
      const auto from = at(i);
      from_a = from.at[0];
      from_b = from.at[1];
    }
    Pack<N> pack = load<N>(a, from_a);
    const Pack<N> right = load<N>(b, from_b);
    for (int k = 0; k < N; ++k) pack.x[k] = binary_value(op, pack.x[k], right.x[k]);
    store(y, i, pack);
  }
};

// sum += addend, of float32
struct AccumulateItem {
  Reals sum;
  ConstReals addend;
  MP_HD bool is_packable() const { return are_packable(sum, addend); }
  template <int N>
  MP_HD void run(std::int64_t i) const {
    Pack<N> pack = load<N>({sum.data, sum.is_bfloat16}, i);
    const Pack<N> more = load<N>(addend, i);
    for (int k = 0; k < N; ++k) pack.x[k] += more.x[k];
    store(sum, i, pack);
  }
};

// Between float32 and bfloat16.
struct RealCastItem {
  ConstReals x;
  Reals y;
  MP_HD bool is_packable() const { return are_packable(x, y); }
  template <int N>
  MP_HD void run(std::int64_t i) const {
    store(y, i, load<N>(x, i));
  }
};

template <class T>
struct WhereItem {
  Strided<3> at;
  const std::uint8_t* condition;
  const T* x;
  const T* y;
  T* z;
  MP_HD void operator()(std::int64_t i) const {
    const auto from = at(i);
    z[i] = condition[from.at[0]] != 0 ? x[from.at[1]] : y[from.at[2]];
  }
};

enum class Element : std::uint8_t { kFloat32, kBfloat16, kInt64, kBool };

// Between all element types; int64 to and from itself and bool without passing through float64.
struct CastItem {
  Element from;
  Element to;
  const void* x;
  void* y;

  MP_HD double real(std::int64_t i) const { return static_cast<double>(ConstReals{x, from == Element::kBfloat16}[i]); }
  MP_HD std::int64_t whole(std::int64_t i) const {
    if (from == Element::kInt64) return static_cast<const std::int64_t*>(x)[i];
    if (from == Element::kBool) return static_cast<const std::uint8_t*>(x)[i];
    return static_cast<std::int64_t>(real(i));
  }
  MP_HD void operator()(std::int64_t i) const {
    const bool from_real = from == Element::kFloat32 || from == Element::kBfloat16;
    if (to == Element::kInt64) {
      static_cast<std::int64_t*>(y)[i] = whole(i);
    } else if (to == Element::kBool) {
      static_cast<std::uint8_t*>(y)[i] = (from_real ? real(i) != 0.0 : whole(i) != 0) ? 1 : 0;
    } else {
      const float value = from_real ? static_cast<float>(real(i)) : static_cast<float>(whole(i));
      Reals{y, to == Element::kBfloat16}.set(i, value);
    }
  }
};

}  // namespace mp::runtime::gpu
