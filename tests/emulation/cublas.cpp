// cuBLAS, as far as runtime/ calls it.
#include <cublas_v2.h>

#include <algorithm>

#include "tests/emulation/blas.hpp"
#include "tests/emulation/library.hpp"
#include "tests/emulation/state.hpp"

struct cublasContext {
  int device = 0;
  cudaStream_t stream = nullptr;
  void* workspace = nullptr;
  std::size_t workspace_size = 0;
  unsigned math_mode = CUBLAS_DEFAULT_MATH;
};

namespace mp::emulation {

bool are_supported(const Product& p, cublasComputeType_t compute_type) {
  const bool are_alike = p.a.type == p.b.type && p.c.type == p.d.type;
  const bool is_narrow = p.a.type == CUDA_R_16BF;
  if (compute_type == CUBLAS_COMPUTE_32F_FAST_TF32) return are_alike && !is_narrow && p.c.type == CUDA_R_32F;
  if (compute_type != CUBLAS_COMPUTE_32F) return false;
  return are_alike && (is_narrow || p.c.type == CUDA_R_32F);
}

}  // namespace mp::emulation

using namespace mp::emulation;

namespace {

bool is_wide_enough(const Matrix& matrix, std::int64_t rows) {
  return matrix.leading >= std::max<std::int64_t>(1, rows);
}

}  // namespace

cublasStatus_t cublasCreate_v2(cublasHandle_t* handle) {
  if (obstacle() != cudaSuccess || unsafe_in_capture() != cudaSuccess) return CUBLAS_STATUS_NOT_INITIALIZED;
  *handle = new cublasContext{.device = current_device()};
  count_things(1);
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasDestroy_v2(cublasHandle_t handle) {
  if (handle == nullptr) return CUBLAS_STATUS_NOT_INITIALIZED;
  require_own_device(handle->device);
  delete handle;
  count_things(-1);
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasSetStream_v2(cublasHandle_t handle, cudaStream_t stream) {
  handle->stream = stream;
  handle->workspace = nullptr;  // back to its own
  handle->workspace_size = 0;
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasSetWorkspace_v2(cublasHandle_t handle, void* workspace, std::size_t size) {
  if (reinterpret_cast<std::uintptr_t>(workspace) % 256 != 0) return CUBLAS_STATUS_INVALID_VALUE;
  handle->workspace = workspace;
  handle->workspace_size = size;
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasSetMathMode(cublasHandle_t handle, cublasMath_t mode) {
  handle->math_mode = mode;
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasGemmStridedBatchedEx(cublasHandle_t handle, cublasOperation_t operation_a,
                                          cublasOperation_t operation_b, int m, int n, int k, const void* alpha,
                                          const void* a, cudaDataType type_a, int leading_a, long long stride_a,
                                          const void* b, cudaDataType type_b, int leading_b, long long stride_b,
                                          const void* beta, void* c, cudaDataType type_c, int leading_c,
                                          long long stride_c, int batch, cublasComputeType_t compute_type,
                                          cublasGemmAlgo_t /*algorithm*/) {
  Product p{.m = m,
            .n = n,
            .k = k,
            .transpose_a = operation_a != CUBLAS_OP_N,
            .transpose_b = operation_b != CUBLAS_OP_N,
            .alpha = *static_cast<const float*>(alpha),
            .beta = *static_cast<const float*>(beta),
            .a = {const_cast<void*>(a), type_a, leading_a, stride_a},
            .b = {const_cast<void*>(b), type_b, leading_b, stride_b},
            .c = {c, type_c, leading_c, stride_c},
            .d = {c, type_c, leading_c, stride_c},
            .batch = batch,
            .rounds_to_tf32 = compute_type == CUBLAS_COMPUTE_32F_FAST_TF32,
            .rounds_parts = (handle->math_mode & CUBLAS_MATH_DISALLOW_REDUCED_PRECISION_REDUCTION) == 0};
  if (m < 0 || n < 0 || k < 0 || batch < 0 || !is_wide_enough(p.a, p.transpose_a ? k : m) ||
      !is_wide_enough(p.b, p.transpose_b ? n : k) || !is_wide_enough(p.c, m)) {
    return CUBLAS_STATUS_INVALID_VALUE;
  }
  if (!are_supported(p, compute_type)) return CUBLAS_STATUS_NOT_SUPPORTED;
  const bool is_put_in =
      put_in_library(handle->device, handle->stream, handle->workspace, handle->workspace_size, [p] { multiply(p); });
  return is_put_in ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_EXECUTION_FAILED;
}

const char* cublasGetStatusName(cublasStatus_t status) {
  switch (status) {
    case CUBLAS_STATUS_SUCCESS:
      return "CUBLAS_STATUS_SUCCESS";
    case CUBLAS_STATUS_NOT_INITIALIZED:
      return "CUBLAS_STATUS_NOT_INITIALIZED";
    case CUBLAS_STATUS_INVALID_VALUE:
      return "CUBLAS_STATUS_INVALID_VALUE";
    case CUBLAS_STATUS_NOT_SUPPORTED:
      return "CUBLAS_STATUS_NOT_SUPPORTED";
    default:
      return "CUBLAS_STATUS_EXECUTION_FAILED";
  }
}
