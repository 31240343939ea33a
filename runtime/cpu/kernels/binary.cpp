// Elementwise operators of two operands, broadcast as ONNX does: Add, Sub, Mul, Div, Pow.
#include <array>
#include <cmath>
#include <cstdint>

#include "runtime/cpu/elementwise.hpp"
#include "runtime/cpu/index.hpp"
#include "runtime/cpu/kernels/kernels.hpp"
#include "runtime/cpu/simd.hpp"

namespace mp::runtime::cpu {
namespace {

enum class Binary : std::uint8_t { kAdd, kSub, kMul, kDiv, kPow };

struct Row {
  const float* a;
  std::int64_t stride_a;  // 0 or 1, as a rule
  const float* b;
  std::int64_t stride_b;
  float* y;
  std::int64_t count;
};

template <class Function>
MP_INLINE void apply(const Row& row, Function f) {
  const float* a = row.a;
  const float* b = row.b;
  float* y = row.y;
  const std::int64_t n = row.count;
  if (row.stride_a == 1 && row.stride_b == 1) {
    for (std::int64_t i = 0; i < n; ++i) y[i] = f(a[i], b[i]);
  } else if (row.stride_a == 1 && row.stride_b == 0) {
    const float fixed = *b;
    for (std::int64_t i = 0; i < n; ++i) y[i] = f(a[i], fixed);
  } else if (row.stride_a == 0 && row.stride_b == 1) {
    const float fixed = *a;
    for (std::int64_t i = 0; i < n; ++i) y[i] = f(fixed, b[i]);
  } else {
    for (std::int64_t i = 0; i < n; ++i) y[i] = f(a[i * row.stride_a], b[i * row.stride_b]);
  }
}

// The squares and roots that models are full of need no logarithm.
MP_INLINE void power(const Row& row) {
  if (row.stride_b == 0 && *row.b == 2.0F) {
    return apply(row, [](float a, float) { return a * a; });
  }
  if (row.stride_b == 0 && *row.b == 0.5F) {
    return apply(row, [](float a, float) { return std::sqrt(a); });
  }
  apply(row, [](float a, float b) { return std::pow(a, b); });
}

MP_SIMD void run_row(Binary op, const Row& row) {
  switch (op) {
    case Binary::kAdd:
      return apply(row, [](float a, float b) { return a + b; });
    case Binary::kSub:
      return apply(row, [](float a, float b) { return a - b; });
    case Binary::kMul:
      return apply(row, [](float a, float b) { return a * b; });
    case Binary::kDiv:
      return apply(row, [](float a, float b) { return a / b; });
    case Binary::kPow:
      return power(row);
  }
}

KernelPointer binary(const KernelCall& call, Binary op) {
  if (call.output(0).type != DataType::kFloat32) call.refuse_type(call.output(0).type);
  const Shape& shape = call.output(0).shape;
  if (call.input(0).shape == shape && call.input(1).shape == shape) {
    return elementwise_kernel(call.team, elements(shape),
                              [op](const Operands& io, std::int64_t begin, std::int64_t end) {
                                run_row(op, {io.in(0) + begin, 1, io.in(1) + begin, 1, io.out(0) + begin, end - begin});
                              });
  }
  const Nest<3> nest(shape, {broadcast_strides(call.input(0).shape, shape),
                             broadcast_strides(call.input(1).shape, shape), row_major_strides(shape)});
  return function_kernel([&team = call.team, nest, op](const Operands& io) {
    const auto& strides = nest.inner().strides;
    for_pieces(team, nest, [&](const std::array<std::int64_t, 3>& at, std::int64_t count) {
      run_row(op, {io.in(0) + at[0], strides[0], io.in(1) + at[1], strides[1], io.out(0) + at[2], count});
    });
  });
}

}  // namespace

KernelPointer make_add(const KernelCall& call) { return binary(call, Binary::kAdd); }
KernelPointer make_sub(const KernelCall& call) { return binary(call, Binary::kSub); }
KernelPointer make_mul(const KernelCall& call) { return binary(call, Binary::kMul); }
KernelPointer make_div(const KernelCall& call) { return binary(call, Binary::kDiv); }
KernelPointer make_pow(const KernelCall& call) { return binary(call, Binary::kPow); }

}  // namespace mp::runtime::cpu
