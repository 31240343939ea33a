// Matrix products on a CPU device.
#pragma once

#include <cstdint>

#include "runtime/cpu/team.hpp"

namespace mp::runtime::cpu {

// C (m × n) ← alpha · op(A) · op(B) + beta · C; all row-major; op(A) is m × k, op(B) is k × n. With beta = 0 whatever C
// held, NaN too, is overwritten.
struct Gemm {
  bool transpose_a = false;
  bool transpose_b = false;
  std::int64_t m = 0;
  std::int64_t n = 0;
  std::int64_t k = 0;
  float alpha = 1.0F;
  const float* a = nullptr;
  std::int64_t lda = 0;  // elements from a row of A as stored to the next
  const float* b = nullptr;
  std::int64_t ldb = 0;
  float beta = 0.0F;
  float* c = nullptr;
  std::int64_t ldc = 0;
};

// On the calling thread alone.
void gemm(const Gemm& call);

// On the team, in tiles whose number follows from m, n, k alone: libraries that cut a product by the number of threads
// change its rounding with it (measured: 1 against 3 threads differ for 512 × 256 × 256).
void gemm(Team& team, const Gemm& call);

}  // namespace mp::runtime::cpu
