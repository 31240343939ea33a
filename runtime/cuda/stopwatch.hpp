// How long a GPU takes for what is put into a stream.
#pragma once

#include <cuda_runtime_api.h>

#include "runtime/cuda/check.hpp"

namespace mp::cuda {

class Stopwatch {
 public:
  // Of the current device's stream, which is not being captured.
  explicit Stopwatch(cudaStream_t stream) : stream_(stream) {
    MP_CUDA(cudaEventCreateWithFlags(&begun_, cudaEventDefault));
    const cudaError_t error = cudaEventCreateWithFlags(&ended_, cudaEventDefault);
    if (error != cudaSuccess) static_cast<void>(cudaEventDestroy(begun_));
    MP_CUDA(error);
  }
  ~Stopwatch() {
    static_cast<void>(cudaEventDestroy(begun_));
    static_cast<void>(cudaEventDestroy(ended_));
  }
  Stopwatch(const Stopwatch&) = delete;
  Stopwatch& operator=(const Stopwatch&) = delete;

  void start() { MP_CUDA(cudaEventRecord(begun_, stream_)); }
  // Waits for what was put in since.
  [[nodiscard]] float stop_ms() {
    MP_CUDA(cudaEventRecord(ended_, stream_));
    MP_CUDA(cudaEventSynchronize(ended_));
    float milliseconds = 0.0F;
    MP_CUDA(cudaEventElapsedTime(&milliseconds, begun_, ended_));
    return milliseconds;
  }

 private:
  cudaStream_t stream_;
  cudaEvent_t begun_ = nullptr;
  cudaEvent_t ended_ = nullptr;
};

}  // namespace mp::cuda
