// Dropout and its gradient: the same mask, made again from the stream of the node, the step and the microbatch.
#include <fmt/core.h>

#include <cstdint>
#include <string>

#include "lib/base/random.hpp"
#include "runtime/cpu/kernels/kernels.hpp"

namespace mp::runtime::cpu {

KernelPointer make_dropout(const KernelCall& call) {
  if (call.input(0).type != DataType::kFloat32) call.refuse_type(call.input(0).type);
  const double ratio = call.attributes().get_float("ratio", 0.5);
  const std::string name = call.attributes().get_string("stream", call.node.name);
  const std::int64_t size = elements(call.output(0).shape);
  return function_kernel([&team = call.team, ratio, name, size](const Operands& io) {
    const StepContext& context = io.context;
    const RandomStream stream(context.seed, fmt::format("{}/{}", name, context.microbatch),
                              static_cast<std::uint64_t>(context.step));
    const auto scale = static_cast<float>(1.0 / (1.0 - ratio));
    team.for_range(size, kElementwiseGrain / 4, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) {
        const bool kept = stream.uniform(static_cast<std::uint64_t>(i)) >= ratio;
        io.out(0)[i] = kept ? io.in(0)[i] * scale : 0.0F;
      }
    });
  });
}

}  // namespace mp::runtime::cpu
