// What cuBLAS and cuBLASLt share: which types go together, and what a product does to scratch.
#pragma once

#include <cublas_v2.h>

#include <cstddef>
#include <functional>

#include "tests/emulation/product.hpp"

namespace mp::emulation {

// The rows of the documentation's table of cublasGemmEx that have float32 sums and no complex or narrower types.
[[nodiscard]] bool are_supported(const Product& product, cublasComputeType_t compute_type);

// Puts the work into the stream, which must be the current device's. Before it, scratch is overwritten, as a library
// may do.
[[nodiscard]] cublasStatus_t put_in_library(int device, cudaStream_t stream, void* workspace,
                                            std::size_t workspace_size, std::function<void()> work);

}  // namespace mp::emulation
