// What a kernel's factory is given, and the short way to make a kernel from a lambda that puts work into the queue.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>

#include "lib/graph/graph.hpp"
#include "runtime/backend.hpp"
#include "runtime/gpu/device.hpp"
#include "runtime/gpu/kernel_role.hpp"
#include "runtime/gpu/portable.hpp"
#include "runtime/semantics/node_call.hpp"

namespace mp::runtime::gpu {

// The node a kernel is made for. Lives as long as the factory runs, but for `device`, which outlives the kernel.
struct KernelCall : NodeCall {
  Device& device;

  // Throws RunError naming node, operator and type.
  [[noreturn]] void refuse_type(DataType type) const;
  void require_real(DataType type) const {
    if (type != DataType::kFloat32 && type != DataType::kBfloat16) refuse_type(type);
  }
};

// Which inputs and outputs are bfloat16, and which outputs one node alone reads, once: bit i is operand i.
struct OperandTypes {
  std::uint64_t inputs = 0;
  std::uint64_t outputs = 0;
  std::uint64_t read_once = 0;
};
[[nodiscard]] OperandTypes operand_types(const KernelCall& call);

// The operands of one run, typed by the kernel that knows them.
struct Operands {
  std::span<const void* const> inputs;
  std::span<void* const> outputs;
  const StepContext& context;
  OperandTypes types;

  template <class T = float>
  [[nodiscard]] const T* in(std::size_t i) const {
    return i < inputs.size() ? static_cast<const T*>(inputs[i]) : nullptr;
  }
  template <class T = float>
  [[nodiscard]] T* out(std::size_t i) const {
    return i < outputs.size() ? static_cast<T*>(outputs[i]) : nullptr;
  }
  // float32 or bfloat16, as the tensor is.
  [[nodiscard]] ConstReals real(std::size_t i) const { return {in<void>(i), (types.inputs >> i & 1U) != 0}; }
  [[nodiscard]] Reals real_out(std::size_t i) const { return {out<void>(i), (types.outputs >> i & 1U) != 0}; }
};

class GpuKernel : public Kernel {
 public:
  GpuKernel(OperandTypes types, KernelRole role) : types_(types), role_(role) {}
  [[nodiscard]] const OperandTypes& types() const { return types_; }
  [[nodiscard]] const KernelRole& role() const { return role_; }

 private:
  OperandTypes types_;
  KernelRole role_;
};

template <class Function>
class FunctionKernel final : public GpuKernel {
 public:
  FunctionKernel(Function function, OperandTypes types, std::int64_t workspace_bytes, KernelRole role)
      : GpuKernel(types, role), function_(std::move(function)), workspace_bytes_(workspace_bytes) {}
  void run(std::span<const void* const> inputs, std::span<void* const> outputs, const StepContext& context) override {
    function_(Operands{inputs, outputs, context, types()});
  }
  [[nodiscard]] std::int64_t workspace_bytes() const override { return workspace_bytes_; }

 private:
  Function function_;
  std::int64_t workspace_bytes_;
};

// The operands of a kernel that is fused with others, which are the first of those that are left.
[[nodiscard]] Operands take_operands(const FusedPart& part, Operands& rest);

using KernelPointer = std::unique_ptr<Kernel>;
using KernelFactory = KernelPointer (*)(const KernelCall& call);

// The kernel that calls function(operands).
template <class Function>
[[nodiscard]] KernelPointer function_kernel(const KernelCall& call, Function function, std::int64_t workspace_bytes = 0,
                                            KernelRole role = {}) {
  return std::make_unique<FunctionKernel<Function>>(std::move(function), operand_types(call), workspace_bytes, role);
}

}  // namespace mp::runtime::gpu
