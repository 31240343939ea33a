// Views, Transpose, Expand, Slice, Pad, Concat, Split, Constant.
#include "runtime/gpu/kernels/movement.hpp"

#include <numeric>
#include <string>
#include <vector>

#include "lib/base/check.hpp"
#include "runtime/gpu/kernels/kernels.hpp"
#include "runtime/semantics/view.hpp"

namespace mp::runtime::gpu {
namespace {

struct Copy {
  Strided<2> at;
  std::int64_t count = 0;
  std::int64_t from_offset = 0;
  std::int64_t to_offset = 0;
  std::int64_t element_bytes = 4;
};

Copy make_copy(const Shape& extents, const View& from, const View& to, DataType type) {
  return {strided<2>(extents, {from.strides, to.strides}), elements(extents), from.offset, to.offset, size_of(type)};
}

template <class T>
void run_copy_of(const Queue& queue, const Copy& copy, const void* from, void* to) {
  for_items(queue, copy.count,
            CopyItem<T>{copy.at, static_cast<const T*>(from) + copy.from_offset, static_cast<T*>(to) + copy.to_offset});
}

void run_copy(const Queue& queue, const Copy& copy, const void* from, void* to) {
  switch (copy.element_bytes) {
    case 1:
      return run_copy_of<std::uint8_t>(queue, copy, from, to);
    case 2:
      return run_copy_of<std::uint16_t>(queue, copy, from, to);
    case 4:
      return run_copy_of<std::uint32_t>(queue, copy, from, to);
    case 8:
      return run_copy_of<std::uint64_t>(queue, copy, from, to);
    default:
      MP_CHECK(false && "elements have 1, 2, 4 or 8 bytes");
  }
}

KernelPointer copy_kernel(const KernelCall& call, const Copy& copy) {
  return function_kernel(call, [queue = call.device.queue(), copy](const Operands& io) {
    run_copy(queue, copy, io.in<void>(0), io.out<void>(0));
  });
}

void fill(Device& device, Reals to, std::int64_t count, float value) {
  if (value == 0.0F) {
    device.clear(to.data, count * (to.is_bfloat16 ? 2 : 4));
  } else if (to.is_bfloat16) {
    for_items(device.queue(), count, FillItem<std::uint16_t>{static_cast<std::uint16_t*>(to.data), to_bfloat16(value)});
  } else {
    for_items(device.queue(), count, FillItem<float>{static_cast<float*>(to.data), value});
  }
}

// Zeros (or another value) with a tensor copied into the middle.
KernelPointer framed_copy_kernel(const KernelCall& call, const Copy& copy, float value) {
  const std::int64_t count = elements(call.output(0).shape);
  const std::int64_t size_bytes = bytes(call.output(0));
  if (value != 0.0F) call.require_real(call.output(0).type);
  return function_kernel(call, [&device = call.device, copy, value, count, size_bytes](const Operands& io) {
    if (value == 0.0F) {
      device.clear(io.out<void>(0), size_bytes);
    } else {
      fill(device, io.real_out(0), count, value);
    }
    run_copy(device.queue(), copy, io.in<void>(0), io.out<void>(0));
  });
}

Mirror mirror_of(const KernelCall& call, const Shape& source, const Shape& destination) {
  const std::string mode = call.attributes().get_string("mode", "constant");
  const std::vector<std::int64_t> pads = call.attributes().get_ints("pads", {});
  Mirror m{};
  m.mode = mode == "edge" ? PadMode::kEdge : mode == "wrap" ? PadMode::kWrap : PadMode::kReflect;
  m.axes = source.size();
  for (std::size_t axis = 0; axis < source.size(); ++axis) {
    m.source[axis] = source[axis];
    m.destination[axis] = destination[axis];
    m.pads[axis] = pads[axis];
  }
  return m;
}

KernelPointer mirrored_pad(const KernelCall& call) {
  call.require_real(call.input(0).type);
  const Mirror mirror = mirror_of(call, call.input(0).shape, call.output(0).shape);
  const std::int64_t size = elements(call.output(0).shape);
  return function_kernel(call, [queue = call.device.queue(), mirror, size](const Operands& io) {
    for_items(queue, size, MirrorItem{mirror, io.real(0), io.real_out(0)});
  });
}

}  // namespace

// Nothing to do where the output is where the input is, as the memory planner arranges it.
KernelPointer make_view(const KernelCall& call) {
  return function_kernel(call, [&device = call.device, size_bytes = bytes(call.output(0))](const Operands& io) {
    if (io.in<void>(0) != io.out<void>(0)) device.move(io.out<void>(0), io.in<void>(0), size_bytes);
  });
}

KernelPointer make_transpose(const KernelCall& call) {
  const Shape& shape = call.input(0).shape;
  std::vector<std::int64_t> reversed(shape.size());
  std::iota(reversed.rbegin(), reversed.rend(), std::int64_t{0});
  const StrideList strides = row_major_strides(shape);
  View from;
  for (const std::int64_t axis : call.attributes().get_ints("perm", reversed)) {
    from.strides.push_back(strides[static_cast<std::size_t>(positive_axis(axis, shape.size()))]);
  }
  const Shape& to = call.output(0).shape;
  return copy_kernel(call, make_copy(to, from, whole(to), call.output(0).type));
}

KernelPointer make_expand(const KernelCall& call) {
  const Shape& to = call.output(0).shape;
  return copy_kernel(call,
                     make_copy(to, {0, broadcast_strides(call.input(0).shape, to)}, whole(to), call.output(0).type));
}

KernelPointer make_slice(const KernelCall& call) {
  const Shape& to = call.output(0).shape;
  return copy_kernel(call,
                     make_copy(to, slice_view(call.attributes(), call.input(0).shape), whole(to), call.output(0).type));
}

KernelPointer make_slice_grad(const KernelCall& call) {
  const Shape& from = call.input(0).shape;
  const View to = slice_view(call.attributes(), call.output(0).shape);
  return framed_copy_kernel(call, make_copy(from, whole(from), to, call.output(0).type), 0.0F);
}

KernelPointer make_pad(const KernelCall& call) {
  if (call.attributes().get_string("mode", "constant") != "constant") return mirrored_pad(call);
  const Shape& from = call.input(0).shape;
  const std::vector<std::int64_t> pads = call.attributes().get_ints("pads", {});
  View to = whole(call.output(0).shape);
  for (std::size_t i = 0; i < from.size(); ++i) to.offset += pads[i] * to.strides[i];
  const auto value = static_cast<float>(call.attributes().get_float("value", 0.0));
  return framed_copy_kernel(call, make_copy(from, whole(from), to, call.output(0).type), value);
}

KernelPointer make_pad_grad(const KernelCall& call) {
  call.require_real(call.input(0).type);
  const Mirror mirror = mirror_of(call, call.output(0).shape, call.input(0).shape);
  const std::int64_t size = elements(call.output(0).shape);
  return function_kernel(call, [queue = call.device.queue(), mirror, size](const Operands& io) {
    for_items(queue, size, MirrorGradientItem{mirror, io.real(0), io.real_out(0)});
  });
}

KernelPointer make_concat(const KernelCall& call) {
  const Shape& shape = call.output(0).shape;
  const auto axis = static_cast<std::size_t>(positive_axis(call.attributes().get_int("axis", 0), shape.size()));
  View to = whole(shape);
  std::vector<Copy> copies;
  for (std::size_t i = 0; i < call.node.inputs.size(); ++i) {
    const Shape& from = call.input(i).shape;
    copies.push_back(make_copy(from, whole(from), to, call.output(0).type));
    to.offset += from[axis] * to.strides[axis];
  }
  return function_kernel(call, [queue = call.device.queue(), copies](const Operands& io) {
    for (std::size_t i = 0; i < copies.size(); ++i) run_copy(queue, copies[i], io.in<void>(i), io.out<void>(0));
  });
}

KernelPointer make_split(const KernelCall& call) {
  const Shape& shape = call.input(0).shape;
  const auto axis = static_cast<std::size_t>(positive_axis(call.attributes().get_int("axis", 0), shape.size()));
  const auto parts = static_cast<std::int64_t>(call.node.outputs.size());
  View from = whole(shape);
  std::vector<Copy> copies;
  for (const std::int64_t extent :
       call.attributes().get_ints("split", std::vector<std::int64_t>(call.node.outputs.size(), shape[axis] / parts))) {
    Shape part = shape;
    part[axis] = extent;
    copies.push_back(make_copy(part, from, whole(part), call.input(0).type));
    from.offset += extent * from.strides[axis];
  }
  return function_kernel(call, [queue = call.device.queue(), copies](const Operands& io) {
    for (std::size_t i = 0; i < copies.size(); ++i) {
      if (io.out<void>(i) != nullptr) run_copy(queue, copies[i], io.in<void>(0), io.out<void>(i));
    }
  });
}

KernelPointer make_constant(const KernelCall& call) {
  const std::int64_t size = elements(call.output(0).shape);
  if (call.output(0).type == DataType::kInt64) {
    const std::int64_t value = call.attributes().get_int("value_int", 0);
    return function_kernel(call, [queue = call.device.queue(), size, value](const Operands& io) {
      for_items(queue, size, FillItem<std::int64_t>{io.out<std::int64_t>(0), value});
    });
  }
  call.require_real(call.output(0).type);
  const auto value = static_cast<float>(call.attributes().get_float("value_float", 0.0));
  return function_kernel(
      call, [&device = call.device, size, value](const Operands& io) { fill(device, io.real_out(0), size, value); });
}

}  // namespace mp::runtime::gpu
