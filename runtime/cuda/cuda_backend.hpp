// The CUDA backend. Answered by runtime/cuda/ in builds with CUDA and by runtime/no_cuda.cpp in others.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>

#include "runtime/backend.hpp"
#include "runtime/gpu/values.hpp"
#include "runtime/nccl/patience.hpp"

namespace mp::runtime {

struct CudaOptions {
  int device = 0;               // the driver's number
  bool allow_tf32 = false;      // float32 products and convolutions on tensor cores, with 10 bits of mantissa
  bool use_graphs = true;       // record stretches of a step and replay them
  bool use_epilogues = true;    // GELU and gradients of biases within bfloat16 products
  bool tunes_products = false;  // the first step times algorithms and takes the fastest
  gpu::AttentionChoice attention = gpu::AttentionChoice::kFused;
  std::function<void(const std::string&)> remark = {};      // hears of what is done otherwise than asked; may be empty
  bool use_nccl = false;                                    // messages between devices by NCCL, not by copies
  std::chrono::milliseconds nccl_patience = kNcclPatience;  // while it connects two devices
};

// Makes the device current for the calling thread, which then uses the backend. Throws RunError where there is none.
[[nodiscard]] std::unique_ptr<Backend> make_cuda_backend(const CudaOptions& options);

}  // namespace mp::runtime
