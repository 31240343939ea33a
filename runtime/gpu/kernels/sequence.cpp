// Gather, RotaryEmbedding, Dropout, and their gradients.
#include "runtime/gpu/kernels/sequence.hpp"

#include <fmt/core.h>

#include <cmath>
#include <string>
#include <vector>

#include "lib/base/random.hpp"
#include "runtime/gpu/kernels/gather_order.hpp"
#include "runtime/gpu/kernels/kernels.hpp"
#include "runtime/gpu/strided.hpp"

namespace mp::runtime::gpu {
namespace {

Slices slices_of(const KernelCall& call, const Shape& data, const Shape& indices) {
  const auto axis = static_cast<std::size_t>(positive_axis(call.attributes().get_int("axis", 0), data.size()));
  Slices s{.indices = elements(indices)};
  for (std::size_t i = 0; i < data.size(); ++i) (i < axis ? s.outer : i == axis ? s.extent : s.inner) *= data[i];
  return s;
}

Fault* gather_fault(const KernelCall& call, std::int64_t extent) {
  return call.device.add_fault([node = call.node.name, extent](const Fault& fault) {
    return fmt::format("node '{}' (Gather): index {} at position {} is not in [{}, {})", node, fault.value,
                       fault.position, -extent, extent);
  });
}

template <class T>
KernelPointer gather_of(const KernelCall& call) {
  const Slices s = slices_of(call, call.input(0).shape, call.input(1).shape);
  return function_kernel(call,
                         [queue = call.device.queue(), s, fault = gather_fault(call, s.extent)](const Operands& io) {
                           for_items(queue, s.outer * s.indices * s.inner,
                                     GatherItem<T>{s, io.in<T>(0), io.in<std::int64_t>(1), io.out<T>(0), fault});
                         });
}

// [sequence, rotated / 2] cosines, then as many sines.
std::vector<float> tables_of(const Rotation& r, double theta) {
  const std::int64_t half = r.rotated / 2;
  std::vector<float> tables(static_cast<std::size_t>(2 * r.sequence * half));
  for (std::int64_t s = 0; s < r.sequence; ++s) {
    for (std::int64_t i = 0; i < half; ++i) {
      const double turns = -2.0 * static_cast<double>(i) / static_cast<double>(r.rotated);
      const double angle = static_cast<double>(s) * std::pow(theta, turns);
      const auto at = static_cast<std::size_t>(s * half + i);
      tables[at] = static_cast<float>(std::cos(angle));
      tables[at + static_cast<std::size_t>(r.sequence * half)] = static_cast<float>(std::sin(angle));
    }
  }
  return tables;
}

}  // namespace

KernelPointer make_gather(const KernelCall& call) {
  switch (size_of(call.input(0).type)) {
    case 1:
      return gather_of<std::uint8_t>(call);
    case 2:
      return gather_of<std::uint16_t>(call);
    case 4:
      return gather_of<std::uint32_t>(call);
    case 8:
      return gather_of<std::uint64_t>(call);
    default:
      call.refuse_type(call.input(0).type);
  }
}

KernelPointer make_gather_grad(const KernelCall& call) {
  const Slices s = slices_of(call, call.output(0).shape, call.input(1).shape);
  const GatherOrder order(call.device, s, gather_fault(call, s.extent));
  return function_kernel(
      call,
      [&device = call.device, s, order, size_bytes = bytes(call.output(0))](const Operands& io) {
        const auto* indices = io.in<std::int64_t>(1);
        device.clear(io.out<void>(0), size_bytes);
        for_rows(device.queue(), s.outer * s.indices, s.inner,
                 GatherGradientRow{s, indices, order.put_in(indices), io.real(0), io.real_out(0)});
      },
      order.workspace_bytes(), GatherGradientRole{.slices = s, .fault = order.fault()});
}

KernelPointer make_rotary_embedding(const KernelCall& call) {
  call.require_real(call.input(0).type);
  const Rotation r = rotation_of(call);
  const bool has_tables = call.has_input(1);
  const std::int64_t known = has_tables ? call.input(1).shape[0] : r.sequence;
  DeviceMemory tables;
  std::int64_t workspace = 0;
  if (!has_tables) {
    const std::vector<float> values = tables_of(r, call.attributes().get_float("theta", 10000.0));
    workspace = static_cast<std::int64_t>(values.size() * sizeof(float));
    tables = call.device.allocate_scratch(workspace);
    call.device.upload(tables.get(), values.data(), workspace);
  }
  Fault* fault = call.device.add_fault([node = call.node.name, r, known](const Fault& f) {
    return fmt::format("node '{}' (RotaryEmbedding): position {} of batch item {} is not in [0, {})", node, f.value,
                       f.position / r.sequence, known);
  });
  return function_kernel(
      call,
      [queue = call.device.queue(), r, has_tables, known, tables, fault, half = workspace / 2,
       size = elements(call.output(0).shape)](const Operands& io) {
        RotationItem item{r,     io.real(1), io.real(2), has_tables,    io.in<std::int64_t>(3),
                          known, fault,      io.real(0), io.real_out(0)};
        if (!has_tables) {
          item.cosines = {tables.get(), false};
          item.sines = {tables.get() + half, false};
          item.positions = nullptr;
        }
        for_items(queue, size, item);
      },
      workspace);
}

KernelPointer make_dropout(const KernelCall& call) {
  call.require_real(call.input(0).type);
  const double ratio = call.attributes().get_float("ratio", 0.5);
  const std::string name = call.attributes().get_string("stream", call.node.name);
  const std::int64_t size = elements(call.output(0).shape);
  const std::size_t slot =
      call.device.step_values().add(sizeof(std::uint64_t), [](const StepContext& context, void* to) {
        *static_cast<std::uint64_t*>(to) = static_cast<std::uint64_t>(context.step);
      });
  return function_kernel(call, [&device = call.device, ratio, name, size, slot](const Operands& io) {
    // The key knows seed, name and microbatch alone: it is the same in every replay of a recorded step.
    const std::array<std::uint32_t, 2> key =
        RandomStream(io.context.seed, fmt::format("{}/{}", name, io.context.microbatch)).key();
    const auto* step = static_cast<const std::uint64_t*>(device.step_value(slot, io.context));
    for_items(device.queue(), size,
              DropoutItem{
                  {key[0], key[1]}, step, ratio, static_cast<float>(1.0 / (1.0 - ratio)), io.real(0), io.real_out(0)});
  });
}

}  // namespace mp::runtime::gpu
