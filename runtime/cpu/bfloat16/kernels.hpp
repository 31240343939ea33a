// Kernels of nodes with bfloat16 operands.
#pragma once

#include <memory>

#include "runtime/cpu/kernel_call.hpp"
#include "runtime/cpu/scratch.hpp"

namespace mp::runtime::cpu {

// The best there is for the node: one of bfloat16 itself; else one of float32 on rows brought into the cache; else one
// of float32 on whole operands, widened into a scratch (another than that of the call, which is for the kernel of
// float32). Values are rounded once, when they are written. The operator has a kernel of float32.
[[nodiscard]] std::unique_ptr<Kernel> make_bfloat16_kernel(const KernelCall& call, SharedScratch& widened);

// rowwise.cpp: null where the node's rows do not stand each for itself.
[[nodiscard]] std::unique_ptr<Kernel> make_rowwise_kernel(const KernelCall& call);
// widened.cpp
[[nodiscard]] std::unique_ptr<Kernel> make_widened_kernel(const KernelCall& call, SharedScratch& widened);
// matmul.cpp: Gemm, MatMul, FusedMatMul, MatMulWeightGrad; null where oneDNN has none for this processor, or for such a
// call.
[[nodiscard]] std::unique_ptr<Kernel> make_bfloat16_matmul(const KernelCall& call);

}  // namespace mp::runtime::cpu
