#include "runtime/gpu/registry.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <utility>

#include "lib/base/error.hpp"
#include "runtime/gpu/kernels/kernels.hpp"
#include "runtime/semantics/kernel_list.hpp"

namespace mp::runtime::gpu {
namespace {

using Entry = std::pair<std::string_view, KernelFactory>;

#define MP_ENTRY(op, factory) {op, factory},
constexpr Entry kKernels[] = {MP_KERNELS(MP_ENTRY)};
#undef MP_ENTRY

}  // namespace

KernelFactory find_kernel(std::string_view op) {
  const auto* found =
      std::find_if(std::begin(kKernels), std::end(kKernels), [op](const Entry& e) { return e.first == op; });
  return found == std::end(kKernels) ? nullptr : found->second;
}

KernelPointer make_kernel(Device& device, const Graph& graph, NodeId node) {
  const Node& n = graph.node(node);
  const KernelFactory factory = find_kernel(n.op_name);
  if (factory == nullptr) {
    throw RunError(
        fmt::format("node '{}': the CUDA backend has no kernel for operator {}; use --backend cpu", n.name, n.op_name));
  }
  return factory({graph, n, device});
}

}  // namespace mp::runtime::gpu
