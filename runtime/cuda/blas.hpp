// Matrix products by cuBLAS and cuBLASLt.
#pragma once

#include <cublasLt.h>
#include <cublas_v2.h>

#include <array>
#include <cstdint>
#include <map>
#include <memory>

#include "runtime/cuda/handles.hpp"
#include "runtime/gpu/device.hpp"

namespace mp::cuda {

struct BlasOptions {
  bool allow_tf32 = false;  // float32 products are rounded to 10 bits of mantissa before they are multiplied
  // The first time a product of its kind comes, it is done by each algorithm that cuBLASLt proposes, several times; the
  // fastest does it from then on. Not while a graph is recorded: what is recorded has been done before.
  bool tunes = false;
};

class Blas {
 public:
  Blas(cudaStream_t stream, const BlasOptions& options);
  ~Blas();
  Blas(const Blas&) = delete;
  Blas& operator=(const Blas&) = delete;

  // In the stream's order, without an epilogue. The same bits for the same product: workspace and choice of algorithm
  // are fixed (for the life of this object, where it tunes). The bias is left out where takes_bias() says so.
  void multiply(const runtime::gpu::MatrixProduct& product);
  // With the epilogue. False: cuBLASLt has no algorithm for it, or refuses the addresses; nothing was done.
  [[nodiscard]] bool multiply_fused(const runtime::gpu::MatrixProduct& product);
  // Whether multiply() adds the product's bias; where not (cuBLASLt may have no algorithm for it), the caller does.
  [[nodiscard]] bool takes_bias(const runtime::gpu::MatrixProduct& product);
  [[nodiscard]] std::int64_t workspace_bytes() const;

 private:
  struct LtPlan;
  // What decides a plan: transposes, extents, leading dimensions, types, epilogue.
  using LtKey = std::array<std::int64_t, 15>;
  [[nodiscard]] LtPlan& plan_of(const runtime::gpu::MatrixProduct& product);
  [[nodiscard]] bool is_planned(const runtime::gpu::MatrixProduct& product);
  // False: cuBLASLt has not what it proposed, and nothing was done.
  [[nodiscard]] bool run(LtPlan& plan, const runtime::gpu::MatrixProduct& product);
  [[nodiscard]] bool run_once(const LtPlan& plan, const runtime::gpu::MatrixProduct& product);
  void tune(LtPlan& plan, const runtime::gpu::MatrixProduct& product);

  cudaStream_t stream_;
  BlasOptions options_;
  cublasHandle_t handle_ = nullptr;
  cublasLtHandle_t lt_ = nullptr;
  runtime::DeviceMemory workspace_;
  std::map<LtKey, std::unique_ptr<LtPlan>> plans_;
};

}  // namespace mp::cuda
