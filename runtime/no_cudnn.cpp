#include "runtime/cudnn/attention.hpp"
#include "runtime/cudnn/convolution.hpp"

namespace mp::runtime {

std::shared_ptr<void> make_cudnn_handle(void* /*stream*/) { return nullptr; }

std::unique_ptr<gpu::Convolution> make_cudnn_convolution(const std::shared_ptr<void>& /*handle*/,
                                                         const CudnnProblem& /*problem*/, gpu::Device& /*device*/,
                                                         std::string& /*reason*/) {
  return nullptr;
}

std::unique_ptr<gpu::FusedAttention> make_cudnn_attention(const std::shared_ptr<void>& /*handle*/,
                                                          const gpu::AttentionProblem& /*problem*/,
                                                          gpu::Device& /*device*/, std::string& /*reason*/) {
  return nullptr;
}

CudnnAttentionPlans plan_cudnn_attention(const gpu::AttentionProblem& /*problem*/,
                                         const std::string& /*device_properties*/) {
  return {.reason = "this build is without cuDNN"};
}

}  // namespace mp::runtime
