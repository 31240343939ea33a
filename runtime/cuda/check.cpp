#include "runtime/cuda/check.hpp"

#include <fmt/format.h>

#include "lib/base/error.hpp"

namespace mp::cuda {

void cuda_failed(cudaError_t error, std::string_view call, std::string_view file, int line) {
  int device = -1;
  if (cudaGetDevice(&device) != cudaSuccess) device = -1;
  static_cast<void>(cudaGetLastError());  // told here: it must not surface again at the next call
  throw RunError(fmt::format("CUDA device {}: {}: {} ({}) at {}:{}", device, cudaGetErrorName(error),
                             cudaGetErrorString(error), call, file, line));
}

}  // namespace mp::cuda
