// Attention by cuDNN's fused engines. Answered by runtime/cudnn/ where cuDNN was found when building, and by
// runtime/no_cudnn.cpp elsewhere, which has none.
#pragma once

#include <memory>
#include <string>

#include "runtime/gpu/device.hpp"

namespace mp::runtime {

// Null where cuDNN has no engine for it (a type, a depth, too much scratch); `reason` says what it answered. `device`
// outlives it: its shared scratch is reserved here and used when it runs. `handle`: make_cudnn_handle's.
[[nodiscard]] std::unique_ptr<gpu::FusedAttention> make_cudnn_attention(const std::shared_ptr<void>& handle,
                                                                        const gpu::AttentionProblem& problem,
                                                                        gpu::Device& device, std::string& reason);

// What cuDNN would do on a device that need not be there, described as CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION has
// it.
struct CudnnAttentionPlans {
  bool is_graph_taken = false;  // the operations are a graph of cuDNN's
  int engines = 0;              // configurations that it proposes and that may be used
  std::string reason;           // of what failed
};
[[nodiscard]] CudnnAttentionPlans plan_cudnn_attention(const gpu::AttentionProblem& problem,
                                                       const std::string& device_properties);

}  // namespace mp::runtime
