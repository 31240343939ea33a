// Kernels whose every element follows from the elements at the same place, and chains of them run in one pass.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <utility>

#include "runtime/cpu/kernel_call.hpp"

namespace mp::runtime::cpu {

class ElementwiseKernel : public Kernel {
 public:
  ElementwiseKernel(Team& team, std::int64_t size) : team_(&team), size_(size) {}
  void run(std::span<const void* const> inputs, std::span<void* const> outputs, const StepContext& context) override;
  [[nodiscard]] std::int64_t elementwise_size() const override { return size_; }
  // Elements [begin, end) alone.
  virtual void run_range(const Operands& io, std::int64_t begin, std::int64_t end) = 0;

 private:
  Team* team_;
  std::int64_t size_;
};

template <class Function>
class ElementwiseFunctionKernel final : public ElementwiseKernel {
 public:
  ElementwiseFunctionKernel(Team& team, std::int64_t size, Function function)
      : ElementwiseKernel(team, size), function_(std::move(function)) {}
  void run_range(const Operands& io, std::int64_t begin, std::int64_t end) override { function_(io, begin, end); }

 private:
  Function function_;
};

// The kernel that calls function(operands, begin, end) for pieces of [0, size).
template <class Function>
[[nodiscard]] std::unique_ptr<Kernel> elementwise_kernel(Team& team, std::int64_t size, Function function) {
  return std::make_unique<ElementwiseFunctionKernel<Function>>(team, size, std::move(function));
}

// What Backend::fuse says.
[[nodiscard]] std::unique_ptr<Kernel> fuse(Team& team, std::span<const FusedPart> parts);

}  // namespace mp::runtime::cpu
