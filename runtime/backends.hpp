// The backends by name: where the choice of the command line becomes devices.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <string_view>

#include "runtime/executor.hpp"
#include "runtime/gpu/values.hpp"
#include "runtime/nccl/patience.hpp"

namespace mp::runtime {

struct BackendChoice {
  std::string_view name = "auto";  // "auto" (cpu), "cpu", "cuda"
  int cpu_threads = 0;             // of each cpu device; 0: all cores
  int pinned_devices = 0;          // cpu devices with cores of their own, where they fill the machine; 0: none
  bool oversubscribe = false;      // cuda: several devices of the plan may share a GPU
  bool allow_tf32 = false;         // cuda: float32 products may be rounded to TF32
  bool use_cuda_graphs = true;     // cuda: stretches of a step are recorded and replayed
  bool use_epilogues = true;       // cuda: bfloat16 products take GELU and gradients of biases with them
  bool tunes_products = false;     // cuda: the first step times algorithms and takes the fastest
  gpu::AttentionChoice attention = gpu::AttentionChoice::kFused;  // cuda: in bfloat16
  std::function<void(const std::string&)> remark = {};      // hears of what is done otherwise than asked, in any thread
  bool use_nccl = false;                                    // cuda: messages by NCCL, not by copies between GPUs
  std::chrono::milliseconds nccl_patience = kNcclPatience;  // while it connects two devices
};

// One backend per device of a plan: of CUDA, device d is GPU d, or, oversubscribed, GPU d modulo their number. Throws
// RunError where this machine or build has none of that name, or too few, saying why.
[[nodiscard]] BackendFactory backend_factory(const BackendChoice& choice);

}  // namespace mp::runtime
