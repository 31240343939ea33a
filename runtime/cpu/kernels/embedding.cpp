// Gather (embedding look-up, any type) and its gradient.
#include <fmt/core.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "lib/base/error.hpp"
#include "runtime/cpu/index.hpp"
#include "runtime/cpu/kernels/kernels.hpp"

namespace mp::runtime::cpu {
namespace {

// data as [outer, extent, inner]; Y as [outer, indices, inner].
struct Slices {
  std::string node;
  std::int64_t outer = 1;
  std::int64_t extent = 1;
  std::int64_t inner = 1;
  std::int64_t indices = 1;

  // Position of an index that may count from the end; throws RunError outside.
  [[nodiscard]] std::int64_t position(const std::int64_t* from, std::int64_t i) const {
    const std::int64_t index = from[i];
    if (index < -extent || index >= extent) {
      throw RunError(fmt::format("node '{}' (Gather): index {} at position {} is not in [{}, {})", node, index, i,
                                 -extent, extent));
    }
    return index < 0 ? index + extent : index;
  }
};

Slices slices_of(const KernelCall& call, const Shape& data, const Shape& indices) {
  const auto axis = static_cast<std::size_t>(positive_axis(call.attributes().get_int("axis", 0), data.size()));
  Slices s{.node = call.node.name, .indices = elements(indices)};
  for (std::size_t i = 0; i < data.size(); ++i) (i < axis ? s.outer : i == axis ? s.extent : s.inner) *= data[i];
  return s;
}

void add_slice(const float* __restrict from, float* __restrict to, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) to[i] += from[i];
}

}  // namespace

KernelPointer make_gather(const KernelCall& call) {
  const Slices s = slices_of(call, call.input(0).shape, call.input(1).shape);
  const std::int64_t slice_bytes = s.inner * size_of(call.input(0).type);
  return function_kernel([&team = call.team, s, slice_bytes](const Operands& io) {
    const auto* data = io.in<std::byte>(0);
    const auto* indices = io.in<std::int64_t>(1);
    auto* y = io.out<std::byte>(0);
    const std::int64_t grain =
        std::max<std::int64_t>(1, 4 * kElementwiseGrain / std::max<std::int64_t>(1, slice_bytes));
    team.for_range(s.outer * s.indices, grain, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) {
        const std::int64_t from = i / s.indices * s.extent + s.position(indices, i % s.indices);
        std::memcpy(y + i * slice_bytes, data + from * slice_bytes, static_cast<std::size_t>(slice_bytes));
      }
    });
  });
}

// Every thread walks all indices, in order, and adds its own share of the result: of the columns of each slice, or,
// where slices are short, none is shared out.
KernelPointer make_gather_grad(const KernelCall& call) {
  const Shape data = call.output(0).shape;
  const Slices s = slices_of(call, data, call.input(1).shape);
  constexpr std::int64_t kColumns = 128;
  const std::int64_t parts = std::max<std::int64_t>(1, s.inner / kColumns);
  return function_kernel([&team = call.team, s, parts](const Operands& io) {
    const auto* indices = io.in<std::int64_t>(1);
    team.for_each(s.outer * parts, [&](std::int64_t part, int) {
      const std::int64_t outer = part / parts;
      const std::int64_t begin = s.inner * (part % parts) / parts;
      const std::int64_t width = s.inner * (part % parts + 1) / parts - begin;
      float* to = io.out(0) + outer * s.extent * s.inner + begin;
      const float* from = io.in(0) + outer * s.indices * s.inner + begin;
      for (std::int64_t row = 0; row < s.extent; ++row) std::fill_n(to + row * s.inner, width, 0.0F);
      for (std::int64_t i = 0; i < s.indices; ++i) {
        add_slice(from + i * s.inner, to + s.position(indices, i) * s.inner, width);
      }
    });
  });
}

}  // namespace mp::runtime::cpu
