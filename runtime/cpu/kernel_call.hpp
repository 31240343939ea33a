// What a kernel's factory is given, and the short way to make a kernel from a lambda.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>

#include "lib/graph/graph.hpp"
#include "runtime/backend.hpp"
#include "runtime/cpu/layout.hpp"
#include "runtime/cpu/scratch.hpp"
#include "runtime/cpu/team.hpp"
#include "runtime/semantics/node_call.hpp"

namespace mp::runtime::cpu {

// Elements of an elementwise loop that are worth another thread.
inline constexpr std::int64_t kElementwiseGrain = 16384;

// The node a kernel is made for. Lives as long as the factory runs, but for `team` and `scratch`, which outlive the
// kernel.
struct KernelCall : NodeCall {
  Team& team;
  const Layouts& layouts;
  SharedScratch& scratch;

  [[nodiscard]] Layout input_layout(std::size_t i) const { return layouts.of(node.inputs[i]); }
  [[nodiscard]] Layout output_layout(std::size_t i) const { return layouts.of(node.outputs[i]); }
  // Throws RunError naming node, operator and type.
  [[noreturn]] void refuse_type(DataType type) const;
};

// The operands of one run, typed by the kernel that knows them.
struct Operands {
  std::span<const void* const> inputs;
  std::span<void* const> outputs;
  const StepContext& context;

  template <class T = float>
  [[nodiscard]] const T* in(std::size_t i) const {
    return i < inputs.size() ? static_cast<const T*>(inputs[i]) : nullptr;
  }
  template <class T = float>
  [[nodiscard]] T* out(std::size_t i) const {
    return i < outputs.size() ? static_cast<T*>(outputs[i]) : nullptr;
  }
};

template <class Function>
class FunctionKernel final : public Kernel {
 public:
  FunctionKernel(Function function, std::int64_t workspace_bytes)
      : function_(std::move(function)), workspace_bytes_(workspace_bytes) {}
  void run(std::span<const void* const> inputs, std::span<void* const> outputs, const StepContext& context) override {
    function_(Operands{inputs, outputs, context});
  }
  [[nodiscard]] std::int64_t workspace_bytes() const override { return workspace_bytes_; }

 private:
  Function function_;
  std::int64_t workspace_bytes_;
};

// The kernel that calls function(operands).
template <class Function>
[[nodiscard]] std::unique_ptr<Kernel> function_kernel(Function function, std::int64_t workspace_bytes = 0) {
  return std::make_unique<FunctionKernel<Function>>(std::move(function), workspace_bytes);
}

using KernelFactory = std::unique_ptr<Kernel> (*)(const KernelCall& call);

}  // namespace mp::runtime::cpu
