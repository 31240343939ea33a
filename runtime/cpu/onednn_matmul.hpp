// oneDNN's bfloat16 matrix products, on the calling thread alone.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

namespace mp::runtime::cpu::onednn {

// C (m × n) ← op(A) · op(B) + bias; row-major; A, B and bias bfloat16, C bfloat16 or float32; summed in float32.
struct MatmulShape {
  bool transpose_a = false;
  bool transpose_b = false;
  std::int64_t m = 0;
  std::int64_t n = 0;
  std::int64_t k = 0;
  std::int64_t lda = 0;  // elements from a row of A as stored to the next
  std::int64_t ldb = 0;
  std::int64_t ldc = 0;
  bool has_bias = false;  // one element a column
  bool is_float32 = false;
};

struct MatmulOperands {
  const void* a = nullptr;
  const void* b = nullptr;
  const void* bias = nullptr;
  void* c = nullptr;
};

class Matmul {
 public:
  // Null where oneDNN has none for this processor.
  [[nodiscard]] static std::shared_ptr<const Matmul> make(const MatmulShape& shape);
  ~Matmul();
  Matmul(const Matmul&) = delete;
  Matmul& operator=(const Matmul&) = delete;

  [[nodiscard]] std::size_t scratch_bytes() const;  // one per thread that runs it, aligned to 64 bytes
  void run(const MatmulOperands& operands, std::byte* scratch) const;

 private:
  struct Impl;
  explicit Matmul(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace mp::runtime::cpu::onednn
