// What cuBLAS and cuBLASLt share: which types go together.
#pragma once

#include <cublas_v2.h>

#include "tests/emulation/product.hpp"

namespace mp::emulation {

// The rows of the documentation's table of cublasGemmEx that have float32 sums and no complex or narrower types.
[[nodiscard]] bool are_supported(const Product& product, cublasComputeType_t compute_type);

}  // namespace mp::emulation
