#include "runtime/gpu/kernels/arg_max.hpp"

#include "runtime/gpu/kernels/kernels.hpp"

namespace mp::runtime::gpu {

KernelPointer make_arg_max(const KernelCall& call) {
  call.require_real(call.input(0).type);
  const LineExtents l = line_extents(call.input(0).shape, call.attributes().get_int("axis", 0));
  return function_kernel(call, [queue = call.device.queue(), l](const Operands& io) {
    for_rows(queue, l.outer * l.inner, l.extent, ArgMaxRow{l, io.real(0), io.out<std::int64_t>(0)});
  });
}

}  // namespace mp::runtime::gpu
