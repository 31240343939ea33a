// Convolutions by cuDNN. Answered by runtime/cudnn/ where cuDNN was found when building, and by runtime/no_cudnn.cpp
// elsewhere, which has none: the kernels of runtime/gpu convolve then.
#pragma once

#include <memory>
#include <string>

#include "runtime/gpu/device.hpp"

namespace mp::runtime {

struct CudnnProblem {
  gpu::ConvolutionShape shape;
  gpu::ConvolutionPass pass = gpu::ConvolutionPass::kForward;
  bool is_bfloat16 = false;
  bool allow_tf32 = false;
};

// A handle of the current device for this stream (cudaStream_t); null: this build has no cuDNN.
[[nodiscard]] std::shared_ptr<void> make_cudnn_handle(void* stream);

// Null where cuDNN has no deterministic algorithm for it (asymmetric padding, a type, too much scratch); `reason` says
// why. `device` outlives it: its shared scratch is reserved here and used when it runs.
[[nodiscard]] std::unique_ptr<gpu::Convolution> make_cudnn_convolution(const std::shared_ptr<void>& handle,
                                                                       const CudnnProblem& problem, gpu::Device& device,
                                                                       std::string& reason);

}  // namespace mp::runtime
