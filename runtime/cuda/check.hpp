// MP_CUDA(call): every call of the CUDA runtime goes through here.
#pragma once

#include <cuda_runtime_api.h>

#include <string_view>

namespace mp::cuda {

// Throws RunError with call, place, current device, and the error's name and text.
[[noreturn]] void cuda_failed(cudaError_t error, std::string_view call, std::string_view file, int line);

}  // namespace mp::cuda

#define MP_CUDA(call)                                                                          \
  do {                                                                                         \
    const cudaError_t mp_error = (call);                                                       \
    if (mp_error != cudaSuccess) ::mp::cuda::cuda_failed(mp_error, #call, __FILE__, __LINE__); \
  } while (false)
