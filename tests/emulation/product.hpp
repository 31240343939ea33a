// Matrix products as BLAS has them: column-major, summed in float32.
#pragma once

#include <cuda_runtime_api.h>
#include <library_types.h>

#include <cstdint>
#include <span>
#include <vector>

namespace mp::emulation {

// To 10 bits of mantissa, to the nearest.
[[nodiscard]] float to_tf32(float value);

// float32 or bfloat16.
struct Matrix {
  void* data = nullptr;
  cudaDataType type = CUDA_R_32F;
  std::int64_t leading = 0;  // elements from a column to the next
  std::int64_t stride = 0;   // from a matrix of the batch to the next

  [[nodiscard]] float get(std::int64_t i) const;
  void set(std::int64_t i, float value) const;
  [[nodiscard]] bool is_aligned(std::uintptr_t to) const { return reinterpret_cast<std::uintptr_t>(data) % to == 0; }
};

// D (m × n) ← alpha · op(A) · op(B) + beta · C, before the epilogue.
struct Product {
  std::int64_t m = 0;
  std::int64_t n = 0;
  std::int64_t k = 0;
  bool transpose_a = false;
  bool transpose_b = false;
  float alpha = 1.0F;
  float beta = 0.0F;
  Matrix a;
  Matrix b;
  Matrix c;
  Matrix d;
  std::int64_t batch = 1;
  bool rounds_to_tf32 = false;  // the operands
  bool rounds_parts = false;    // two halves of the sum over k to D's type, before they are added
};

// One item of a batch, column by column, in float32.
class ProductColumns {
 public:
  ProductColumns(const Product& product, std::int64_t item);
  void column(std::int64_t column, std::span<float> into) const;

 private:
  const Product& product_;
  std::int64_t item_;
  std::vector<float> packed_;  // op(A)
};

void multiply(const Product& product);

}  // namespace mp::emulation
