// Elementwise operators of two operands, broadcast as ONNX does: Add, Sub, Mul, Div, Pow.
#include <array>
#include <cmath>
#include <cstdint>

#include "runtime/cpu/index.hpp"
#include "runtime/cpu/kernels/kernels.hpp"
#include "runtime/cpu/simd.hpp"

namespace mp::runtime::cpu {
namespace {

enum class Binary : std::uint8_t { kAdd, kSub, kMul, kDiv, kPow };

template <class T>
struct Row {
  const T* a;
  std::int64_t stride_a;  // 0 or 1, as a rule
  const T* b;
  std::int64_t stride_b;
  T* y;
  std::int64_t count;
};

template <class T, class Function>
MP_INLINE void apply(const Row<T>& row, Function f) {
  const T* a = row.a;
  const T* b = row.b;
  T* y = row.y;
  const std::int64_t n = row.count;
  if (row.stride_a == 1 && row.stride_b == 1) {
    for (std::int64_t i = 0; i < n; ++i) y[i] = f(a[i], b[i]);
  } else if (row.stride_a == 1 && row.stride_b == 0) {
    const T fixed = *b;
    for (std::int64_t i = 0; i < n; ++i) y[i] = f(a[i], fixed);
  } else if (row.stride_a == 0 && row.stride_b == 1) {
    const T fixed = *a;
    for (std::int64_t i = 0; i < n; ++i) y[i] = f(fixed, b[i]);
  } else {
    for (std::int64_t i = 0; i < n; ++i) y[i] = f(a[i * row.stride_a], b[i * row.stride_b]);
  }
}

// The squares and roots that models are full of need no logarithm.
MP_INLINE void power(const Row<float>& row) {
  if (row.stride_b == 0 && *row.b == 2.0F) {
    return apply(row, [](float a, float) { return a * a; });
  }
  if (row.stride_b == 0 && *row.b == 0.5F) {
    return apply(row, [](float a, float) { return std::sqrt(a); });
  }
  apply(row, [](float a, float b) { return std::pow(a, b); });
}

MP_SIMD void run_row(Binary op, const Row<float>& row) {
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

std::int64_t integer_power(std::int64_t a, std::int64_t b) {
  return static_cast<std::int64_t>(std::pow(static_cast<double>(a), static_cast<double>(b)));
}

// Division of integers rounds towards zero, as in C; by zero gives 0 instead of a signal.
void run_row(Binary op, const Row<std::int64_t>& row) {
  using Int = std::int64_t;
  switch (op) {
    case Binary::kAdd:
      return apply(row, [](Int a, Int b) { return a + b; });
    case Binary::kSub:
      return apply(row, [](Int a, Int b) { return a - b; });
    case Binary::kMul:
      return apply(row, [](Int a, Int b) { return a * b; });
    case Binary::kDiv:
      return apply(row, [](Int a, Int b) { return b == 0 ? 0 : b == -1 ? -a : a / b; });
    case Binary::kPow:
      return apply(row, [](Int a, Int b) { return integer_power(a, b); });
  }
}

template <class T>
std::unique_ptr<Kernel> binary_of(const KernelCall& call, Binary op) {
  const Shape& shape = call.output(0).shape;
  const Nest<3> nest(shape, {broadcast_strides(call.input(0).shape, shape),
                             broadcast_strides(call.input(1).shape, shape), row_major_strides(shape)});
  return function_kernel([&team = call.team, nest, op](const Operands& io) {
    const T* a = io.in<T>(0);
    const T* b = io.in<T>(1);
    T* y = io.out<T>(0);
    const auto& strides = nest.inner().strides;
    for_pieces(team, nest, [&](const std::array<std::int64_t, 3>& at, std::int64_t count) {
      run_row(op, Row<T>{a + at[0], strides[0], b + at[1], strides[1], y + at[2], count});
    });
  });
}

template <Binary op>
std::unique_ptr<Kernel> binary(const KernelCall& call) {
  switch (call.output(0).type) {
    case DataType::kFloat32:
      return binary_of<float>(call, op);
    case DataType::kInt64:
      return binary_of<std::int64_t>(call, op);
    case DataType::kBfloat16:
    case DataType::kBool:
    case DataType::kOpaque:
      break;
  }
  call.refuse_type(call.output(0).type);
}

}  // namespace

std::unique_ptr<Kernel> make_add(const KernelCall& call) { return binary<Binary::kAdd>(call); }
std::unique_ptr<Kernel> make_sub(const KernelCall& call) { return binary<Binary::kSub>(call); }
std::unique_ptr<Kernel> make_mul(const KernelCall& call) { return binary<Binary::kMul>(call); }
std::unique_ptr<Kernel> make_div(const KernelCall& call) { return binary<Binary::kDiv>(call); }
std::unique_ptr<Kernel> make_pow(const KernelCall& call) { return binary<Binary::kPow>(call); }

}  // namespace mp::runtime::cpu
