#include "runtime/cpu/registry.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "runtime/cpu/kernels/kernels.hpp"
#include "runtime/semantics/kernel_list.hpp"

namespace mp::runtime::cpu {
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

}  // namespace mp::runtime::cpu
