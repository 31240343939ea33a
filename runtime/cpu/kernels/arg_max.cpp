// ArgMax along one axis: the first of equal elements; an element that is not a number is never the largest.
#include <algorithm>
#include <cstdint>

#include "lib/base/bfloat16.hpp"
#include "runtime/cpu/index.hpp"
#include "runtime/cpu/kernels/kernels.hpp"

namespace mp::runtime::cpu {
namespace {

float value_of(float x) { return x; }
float value_of(std::uint16_t x) { return from_bfloat16(x); }

template <class T>
std::int64_t largest_at(const T* x, std::int64_t count, std::int64_t stride) {
  std::int64_t best = 0;
  float most = value_of(x[0]);
  for (std::int64_t i = 1; i < count; ++i) {
    const float value = value_of(x[i * stride]);
    if (!(value > most) && !(most != most && value == value)) continue;
    best = i;
    most = value;
  }
  return best;
}

template <class T>
KernelPointer arg_max_of(const KernelCall& call) {
  const LineExtents l = line_extents(call.input(0).shape, call.attributes().get_int("axis", 0));
  return function_kernel([&team = call.team, l](const Operands& io) {
    const std::int64_t grain = std::max<std::int64_t>(1, kElementwiseGrain / std::max<std::int64_t>(1, l.extent));
    team.for_range(l.outer * l.inner, grain, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) {
        const T* line = io.in<T>(0) + i / l.inner * l.extent * l.inner + i % l.inner;
        io.out<std::int64_t>(0)[i] = largest_at(line, l.extent, l.inner);
      }
    });
  });
}

}  // namespace

KernelPointer make_arg_max(const KernelCall& call) {
  if (call.input(0).type == DataType::kFloat32) return arg_max_of<float>(call);
  if (call.input(0).type == DataType::kBfloat16) return arg_max_of<std::uint16_t>(call);
  call.refuse_type(call.input(0).type);
}

}  // namespace mp::runtime::cpu
