#include "runtime/cpu/bfloat16/kernels.hpp"

#include <algorithm>
#include <span>
#include <string_view>

#include "runtime/cpu/bfloat16/convert.hpp"
#include "runtime/cpu/registry.hpp"

namespace mp::runtime::cpu {
namespace {

// Those that move elements of any size, those that know both types, and the updates, which know the rounded copy.
constexpr std::string_view kOfAnyType[] = {
    "AdamUpdate", "ArgMax", "Concat", "Expand",    "Flatten", "Gather",    "GroupQueryAttention", "Identity", "Reshape",
    "SgdUpdate",  "Slice",  "Split",  "SliceGrad", "Squeeze", "Transpose", "Unsqueeze",           "Where"};
constexpr std::string_view kProducts[] = {"FusedMatMul", "Gemm", "MatMul", "MatMulWeightGrad"};

bool contains(std::span<const std::string_view> names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// Null for other types: they go by way of float32.
std::unique_ptr<Kernel> make_bfloat16_cast(const KernelCall& call) {
  const std::int64_t size = elements(call.output(0).shape);
  if (call.input(0).type == DataType::kFloat32) {
    return function_kernel(
        [&team = call.team, size](const Operands& io) { narrow(team, io.in(0), io.out<std::uint16_t>(0), size); });
  }
  if (call.output(0).type == DataType::kFloat32) {
    return function_kernel(
        [&team = call.team, size](const Operands& io) { widen(team, io.in<std::uint16_t>(0), io.out(0), size); });
  }
  return nullptr;
}

}  // namespace

std::unique_ptr<Kernel> make_bfloat16_kernel(const KernelCall& call, SharedScratch& widened) {
  const std::string_view op = call.node.op_name;
  if (contains(kOfAnyType, op)) return find_kernel(op)(call);
  std::unique_ptr<Kernel> kernel;
  if (op == "Cast") kernel = make_bfloat16_cast(call);
  if (contains(kProducts, op)) kernel = make_bfloat16_matmul(call);
  if (!kernel) kernel = make_rowwise_kernel(call);
  if (!kernel) kernel = make_widened_kernel(call, widened);
  return kernel;
}

}  // namespace mp::runtime::cpu
