// Operators that move elements of any type: all are copies between two strided views.
#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <numeric>
#include <vector>

#include "lib/base/check.hpp"
#include "runtime/cpu/index.hpp"
#include "runtime/cpu/kernels/kernels.hpp"
#include "runtime/semantics/view.hpp"

namespace mp::runtime::cpu {
namespace {

struct Copy {
  Nest<2> nest;  // from, to
  std::int64_t from_offset = 0;
  std::int64_t to_offset = 0;
};

Copy make_copy(const Shape& extents, const View& from, const View& to) {
  return {Nest<2>(extents, {from.strides, to.strides}), from.offset, to.offset};
}

template <class T>
void copy_row(const T* from, std::int64_t from_stride, T* to, std::int64_t to_stride, std::int64_t count) {
  if (from_stride == 1 && to_stride == 1) {
    std::memcpy(to, from, static_cast<std::size_t>(count) * sizeof(T));
  } else if (from_stride == 0 && to_stride == 1) {
    std::fill_n(to, count, *from);
  } else {
    for (std::int64_t i = 0; i < count; ++i) to[i * to_stride] = from[i * from_stride];
  }
}

template <class T>
void run_copy_of(Team& team, const Copy& copy, const void* from, void* to) {
  const T* source = static_cast<const T*>(from) + copy.from_offset;
  T* target = static_cast<T*>(to) + copy.to_offset;
  const auto& strides = copy.nest.inner().strides;
  for_pieces(team, copy.nest, [&](const std::array<std::int64_t, 2>& at, std::int64_t count) {
    copy_row(source + at[0], strides[0], target + at[1], strides[1], count);
  });
}

void run_copy(Team& team, const Copy& copy, std::int64_t element_bytes, const void* from, void* to) {
  switch (element_bytes) {
    case 1:
      return run_copy_of<std::uint8_t>(team, copy, from, to);
    case 2:
      return run_copy_of<std::uint16_t>(team, copy, from, to);
    case 4:
      return run_copy_of<std::uint32_t>(team, copy, from, to);
    case 8:
      return run_copy_of<std::uint64_t>(team, copy, from, to);
    default:
      MP_CHECK(false && "elements have 1, 2, 4 or 8 bytes");
  }
}

KernelPointer copy_kernel(const KernelCall& call, const Copy& copy) {
  const std::int64_t element_bytes = size_of(call.output(0).type);
  return function_kernel([&team = call.team, copy, element_bytes](const Operands& io) {
    run_copy(team, copy, element_bytes, io.in<std::byte>(0), io.out<std::byte>(0));
  });
}

// Zeros (or another float32 value) with a tensor copied into the middle.
KernelPointer framed_copy_kernel(const KernelCall& call, const Copy& copy, float value) {
  const std::int64_t element_bytes = size_of(call.output(0).type);
  const std::int64_t size_bytes = bytes(call.output(0));
  return function_kernel([&team = call.team, copy, value, element_bytes, size_bytes](const Operands& io) {
    if (value == 0.0F) {
      std::memset(io.out<std::byte>(0), 0, static_cast<std::size_t>(size_bytes));
    } else {
      std::fill_n(io.out(0), size_bytes / element_bytes, value);
    }
    run_copy(team, copy, element_bytes, io.in<std::byte>(0), io.out<std::byte>(0));
  });
}

}  // namespace

// Nothing to do where the output is where the input is, as the memory planner arranges it.
KernelPointer make_view(const KernelCall& call) {
  const auto size_bytes = static_cast<std::size_t>(bytes(call.output(0)));
  return function_kernel([size_bytes](const Operands& io) {
    const auto* from = io.in<std::byte>(0);
    auto* to = io.out<std::byte>(0);
    if (from != to) std::memcpy(to, from, size_bytes);
  });
}

KernelPointer make_transpose(const KernelCall& call) {
  const Shape& shape = call.input(0).shape;
  std::vector<std::int64_t> reversed(shape.size());
  std::iota(reversed.rbegin(), reversed.rend(), std::int64_t{0});
  const std::vector<std::int64_t> perm = call.attributes().get_ints("perm", reversed);
  const std::vector<std::int64_t> strides = row_major_strides(shape);
  View from;
  for (const std::int64_t axis : perm) {
    from.strides.push_back(strides[static_cast<std::size_t>(positive_axis(axis, shape.size()))]);
  }
  return copy_kernel(call, make_copy(call.output(0).shape, from, whole(call.output(0).shape)));
}

KernelPointer make_expand(const KernelCall& call) {
  const Shape& to = call.output(0).shape;
  return copy_kernel(call, make_copy(to, {0, broadcast_strides(call.input(0).shape, to)}, whole(to)));
}

KernelPointer make_slice(const KernelCall& call) {
  const Shape& to = call.output(0).shape;
  return copy_kernel(call, make_copy(to, slice_view(call.attributes(), call.input(0).shape), whole(to)));
}

KernelPointer make_slice_grad(const KernelCall& call) {
  const Shape& from = call.input(0).shape;
  const View to = slice_view(call.attributes(), call.output(0).shape);
  return framed_copy_kernel(call, make_copy(from, whole(from), to), 0.0F);
}

KernelPointer make_pad(const KernelCall& call) {
  if (call.attributes().get_string("mode", "constant") != "constant") return make_mirrored_pad(call);
  const Shape& from = call.input(0).shape;
  const std::vector<std::int64_t> pads = call.attributes().get_ints("pads", {});
  View to = whole(call.output(0).shape);
  for (std::size_t i = 0; i < from.size(); ++i) to.offset += pads[i] * to.strides[i];
  const auto value = static_cast<float>(call.attributes().get_float("value", 0.0));
  return framed_copy_kernel(call, make_copy(from, whole(from), to), value);
}

KernelPointer make_concat(const KernelCall& call) {
  const Shape& shape = call.output(0).shape;
  const auto axis = static_cast<std::size_t>(positive_axis(call.attributes().get_int("axis", 0), shape.size()));
  View to = whole(shape);
  std::vector<Copy> copies;
  for (std::size_t i = 0; i < call.node.inputs.size(); ++i) {
    const Shape& from = call.input(i).shape;
    copies.push_back(make_copy(from, whole(from), to));
    to.offset += from[axis] * to.strides[axis];
  }
  const std::int64_t element_bytes = size_of(call.output(0).type);
  return function_kernel([&team = call.team, copies, element_bytes](const Operands& io) {
    for (std::size_t i = 0; i < copies.size(); ++i) {
      run_copy(team, copies[i], element_bytes, io.in<std::byte>(i), io.out<std::byte>(0));
    }
  });
}

KernelPointer make_split(const KernelCall& call) {
  const Shape& shape = call.input(0).shape;
  const auto axis = static_cast<std::size_t>(positive_axis(call.attributes().get_int("axis", 0), shape.size()));
  const auto parts = static_cast<std::int64_t>(call.node.outputs.size());
  const std::vector<std::int64_t> extents =
      call.attributes().get_ints("split", std::vector<std::int64_t>(call.node.outputs.size(), shape[axis] / parts));
  View from = whole(shape);
  std::vector<Copy> copies;
  for (const std::int64_t extent : extents) {
    Shape part = shape;
    part[axis] = extent;
    copies.push_back(make_copy(part, from, whole(part)));
    from.offset += extent * from.strides[axis];
  }
  const std::int64_t element_bytes = size_of(call.input(0).type);
  return function_kernel([&team = call.team, copies, element_bytes](const Operands& io) {
    for (std::size_t i = 0; i < copies.size(); ++i) {
      if (io.out<std::byte>(i) == nullptr) continue;
      run_copy(team, copies[i], element_bytes, io.in<std::byte>(0), io.out<std::byte>(i));
    }
  });
}

KernelPointer make_constant(const KernelCall& call) {
  const std::int64_t size = elements(call.output(0).shape);
  if (call.output(0).type == DataType::kInt64) {
    const std::int64_t value = call.attributes().get_int("value_int", 0);
    return function_kernel([size, value](const Operands& io) { std::fill_n(io.out<std::int64_t>(0), size, value); });
  }
  if (call.output(0).type != DataType::kFloat32) call.refuse_type(call.output(0).type);
  const auto value = static_cast<float>(call.attributes().get_float("value_float", 0.0));
  return function_kernel([size, value](const Operands& io) { std::fill_n(io.out(0), size, value); });
}

}  // namespace mp::runtime::cpu
