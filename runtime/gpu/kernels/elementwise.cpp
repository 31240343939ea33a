// Activations and functions, their gradients, Add … Pow, Where, Cast.
#include "runtime/gpu/kernels/elementwise.hpp"

#include "runtime/gpu/kernels/kernels.hpp"

namespace mp::runtime::gpu {
namespace {

KernelPointer binary(const KernelCall& call, Binary op) {
  call.require_real(call.output(0).type);
  const Shape& shape = call.output(0).shape;
  const bool same_shape = call.input(0).shape == shape && call.input(1).shape == shape;
  const auto at =
      strided<2>(shape, {broadcast_strides(call.input(0).shape, shape), broadcast_strides(call.input(1).shape, shape)});
  return function_kernel(
      call,
      [queue = call.device.queue(), op, same_shape, at, size = elements(shape)](const Operands& io) {
        for_elements(queue, size, BinaryItem{op, same_shape, at, io.real(0), io.real(1), io.real_out(0)});
      },
      0, op == Binary::kAdd && same_shape ? KernelRole{SumRole{.size = elements(shape)}} : KernelRole{});
}

template <class T>
KernelPointer where_of(const KernelCall& call) {
  const Shape& shape = call.output(0).shape;
  const auto at =
      strided<3>(shape, {broadcast_strides(call.input(0).shape, shape), broadcast_strides(call.input(1).shape, shape),
                         broadcast_strides(call.input(2).shape, shape)});
  return function_kernel(call, [queue = call.device.queue(), at, size = elements(shape)](const Operands& io) {
    for_items(queue, size, WhereItem<T>{at, io.in<std::uint8_t>(0), io.in<T>(1), io.in<T>(2), io.out<T>(0)});
  });
}

Element element_of(const KernelCall& call, DataType type) {
  switch (type) {
    case DataType::kFloat32:
      return Element::kFloat32;
    case DataType::kBfloat16:
      return Element::kBfloat16;
    case DataType::kInt64:
      return Element::kInt64;
    case DataType::kBool:
      return Element::kBool;
    case DataType::kOpaque:
      break;
  }
  call.refuse_type(type);
}

bool is_real(Element element) { return element == Element::kFloat32 || element == Element::kBfloat16; }

}  // namespace

KernelPointer make_unary(const KernelCall& call) {
  call.require_real(call.input(0).type);
  const ActivationCall unary = activation_of(call);
  const std::int64_t size = elements(call.output(0).shape);
  return function_kernel(
      call,
      [queue = call.device.queue(), unary, size](const Operands& io) {
        for_elements(queue, size, UnaryItem{unary.kind, static_cast<float>(unary.alpha), io.real(0), io.real_out(0)});
      },
      0, ActivationRole{.kind = unary.kind});
}

KernelPointer make_unary_gradient(const KernelCall& call) {
  call.require_real(call.input(0).type);
  const ActivationCall unary = activation_of(call);
  const std::int64_t size = elements(call.output(0).shape);
  return function_kernel(
      call,
      [queue = call.device.queue(), unary, size](const Operands& io) {
        for_elements(
            queue, size,
            UnaryGradientItem{unary.kind, static_cast<float>(unary.alpha), io.real(0), io.real(1), io.real_out(0)});
      },
      0, ActivationRole{.kind = unary.kind, .is_gradient = true});
}

KernelPointer make_add(const KernelCall& call) { return binary(call, Binary::kAdd); }
KernelPointer make_sub(const KernelCall& call) { return binary(call, Binary::kSub); }
KernelPointer make_mul(const KernelCall& call) { return binary(call, Binary::kMul); }
KernelPointer make_div(const KernelCall& call) { return binary(call, Binary::kDiv); }
KernelPointer make_pow(const KernelCall& call) { return binary(call, Binary::kPow); }

KernelPointer make_where(const KernelCall& call) {
  switch (size_of(call.output(0).type)) {
    case 1:
      return where_of<std::uint8_t>(call);
    case 2:
      return where_of<std::uint16_t>(call);
    case 4:
      return where_of<std::uint32_t>(call);
    case 8:
      return where_of<std::uint64_t>(call);
    default:
      call.refuse_type(call.output(0).type);
  }
}

KernelPointer make_cast(const KernelCall& call) {
  const Element from = element_of(call, call.input(0).type);
  const Element to = element_of(call, call.output(0).type);
  const std::int64_t size = elements(call.output(0).shape);
  if (is_real(from) && is_real(to)) {
    return function_kernel(
        call,
        [queue = call.device.queue(), size](const Operands& io) {
          for_elements(queue, size, RealCastItem{io.real(0), io.real_out(0)});
        },
        0, CastRole{.size = size});
  }
  return function_kernel(call, [queue = call.device.queue(), from, to, size](const Operands& io) {
    for_items(queue, size, CastItem{from, to, io.in<void>(0), io.out<void>(0)});
  });
}

}  // namespace mp::runtime::gpu
