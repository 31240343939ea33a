#include "runtime/gpu/kernel_call.hpp"

#include <fmt/core.h>

#include <algorithm>

#include "lib/base/check.hpp"
#include "lib/base/error.hpp"

namespace mp::runtime::gpu {
namespace {

std::uint64_t bfloat16_bits(const Graph& graph, const std::vector<TensorId>& tensors) {
  std::uint64_t bits = 0;
  for (std::size_t i = 0; i < tensors.size() && i < 64; ++i) {
    if (tensors[i] == kNone<TensorId>) continue;
    if (graph.tensor(tensors[i]).type.type == DataType::kBfloat16) bits |= std::uint64_t{1} << i;
  }
  return bits;
}

std::uint64_t read_once_bits(const Graph& graph, const std::vector<TensorId>& tensors) {
  std::uint64_t bits = 0;
  for (std::size_t i = 0; i < tensors.size() && i < 64; ++i) {
    if (tensors[i] == kNone<TensorId> || graph.consumers(tensors[i]).size() != 1) continue;
    const std::vector<TensorId>& read = graph.node(graph.consumers(tensors[i]).front()).inputs;
    if (std::count(read.begin(), read.end(), tensors[i]) == 1) bits |= std::uint64_t{1} << i;
  }
  return bits;
}

}  // namespace

void KernelCall::refuse_type(DataType type) const {
  throw RunError(
      fmt::format("node '{}': the CUDA backend has no kernel of {} for {}", node.name, node.op_name, name_of(type)));
}

OperandTypes operand_types(const KernelCall& call) {
  return {bfloat16_bits(call.graph, call.node.inputs), bfloat16_bits(call.graph, call.node.outputs),
          read_once_bits(call.graph, call.node.outputs)};
}

Operands take_operands(const FusedPart& part, Operands& rest) {
  const Operands own{rest.inputs.first(part.inputs), rest.outputs.first(part.outputs), rest.context,
                     dynamic_cast<const GpuKernel&>(*part.kernel).types()};
  rest.inputs = rest.inputs.subspan(part.inputs);
  rest.outputs = rest.outputs.subspan(part.outputs);
  return own;
}

}  // namespace mp::runtime::gpu
