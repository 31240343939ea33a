// Where (any type), Cast.
#include <array>
#include <cstdint>
#include <type_traits>

#include "runtime/cpu/index.hpp"
#include "runtime/cpu/kernels/kernels.hpp"

namespace mp::runtime::cpu {
namespace {

template <class T>
KernelPointer where_of(const KernelCall& call) {
  const Shape& shape = call.output(0).shape;
  const Nest<4> nest(shape,
                     {broadcast_strides(call.input(0).shape, shape), broadcast_strides(call.input(1).shape, shape),
                      broadcast_strides(call.input(2).shape, shape), row_major_strides(shape)});
  return function_kernel([&team = call.team, nest](const Operands& io) {
    const auto& strides = nest.inner().strides;
    for_pieces(team, nest, [&](const std::array<std::int64_t, 4>& at, std::int64_t count) {
      const auto* condition = io.in<std::uint8_t>(0) + at[0];
      const T* x = io.in<T>(1) + at[1];
      const T* y = io.in<T>(2) + at[2];
      T* z = io.out<T>(0) + at[3];
      for (std::int64_t i = 0; i < count; ++i) {
        z[i] = condition[i * strides[0]] != 0 ? x[i * strides[1]] : y[i * strides[2]];
      }
    });
  });
}

// A bool is stored as a byte, 0 or 1.
struct Bool {
  std::uint8_t value;
};

template <class From, class To>
KernelPointer cast_of(const KernelCall& call) {
  const std::int64_t size = elements(call.output(0).shape);
  return function_kernel([&team = call.team, size](const Operands& io) {
    const From* x = io.in<From>(0);
    To* y = io.out<To>(0);
    team.for_range(size, kElementwiseGrain, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) {
        if constexpr (std::is_same_v<From, Bool> && std::is_same_v<To, Bool>) {
          y[i] = x[i];
        } else if constexpr (std::is_same_v<From, Bool>) {
          y[i] = static_cast<To>(x[i].value);
        } else if constexpr (std::is_same_v<To, Bool>) {
          y[i].value = x[i] != From{} ? 1 : 0;
        } else {
          y[i] = static_cast<To>(x[i]);
        }
      }
    });
  });
}

template <class From>
KernelPointer cast_from(const KernelCall& call) {
  switch (call.output(0).type) {
    case DataType::kFloat32:
      return cast_of<From, float>(call);
    case DataType::kInt64:
      return cast_of<From, std::int64_t>(call);
    case DataType::kBool:
      return cast_of<From, Bool>(call);
    case DataType::kBfloat16:
    case DataType::kOpaque:
      break;
  }
  call.refuse_type(call.output(0).type);
}

}  // namespace

KernelPointer make_where(const KernelCall& call) {
  switch (size_of(call.output(0).type)) {
    case 1:
      return where_of<std::uint8_t>(call);
    case 2:
      return where_of<std::uint16_t>(call);
    case 4:
      return where_of<float>(call);
    case 8:
      return where_of<std::int64_t>(call);
    default:
      call.refuse_type(call.output(0).type);
  }
}

KernelPointer make_cast(const KernelCall& call) {
  switch (call.input(0).type) {
    case DataType::kFloat32:
      return cast_from<float>(call);
    case DataType::kInt64:
      return cast_from<std::int64_t>(call);
    case DataType::kBool:
      return cast_from<Bool>(call);
    case DataType::kBfloat16:
    case DataType::kOpaque:
      break;
  }
  call.refuse_type(call.input(0).type);
}

}  // namespace mp::runtime::cpu
