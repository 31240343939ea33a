// Plain values that kernels are given, without the headers of graphs and backends: every CUDA file reads them.
#pragma once

#include <cstdint>

#include "runtime/gpu/portable.hpp"

namespace mp::runtime::gpu {

// A convolution of ONNX's kind over two spatial axes; a transposed one is the source gradient of it.
struct ConvolutionShape {
  std::int64_t batch = 1;
  std::int64_t groups = 1;
  std::int64_t source_channels = 1;
  std::int64_t destination_channels = 1;
  std::int64_t source[2] = {1, 1};
  std::int64_t kernel[2] = {1, 1};
  std::int64_t destination[2] = {1, 1};
  std::int64_t strides[2] = {1, 1};
  std::int64_t dilations[2] = {1, 1};
  std::int64_t pads_begin[2] = {0, 0};
  std::int64_t pads_end[2] = {0, 0};
};

enum class ConvolutionPass : std::uint8_t { kForward, kSourceGradient, kWeightGradient };

// The operand that is the pass's result is written, the other two are read.
struct ConvolutionOperands {
  Reals source{};
  Reals weights{};  // [destination channels, source channels / groups, kernel…]
  Reals destination{};
};

// Attention in bfloat16 over Q[batch, queries, query_heads·depth], K[batch, keys, key_heads·depth],
// V[batch, keys, key_heads·value_depth], without a mask but the causal one, or its gradient.
struct AttentionProblem {
  std::int64_t batch = 1;
  std::int64_t queries = 1;
  std::int64_t keys = 1;
  std::int64_t query_heads = 1;
  std::int64_t key_heads = 1;
  std::int64_t depth = 1;
  std::int64_t value_depth = 1;
  float scale = 1.0F;
  bool is_causal = false;  // query i sees keys 0 … i
  bool is_backward = false;
  bool is_deterministic = true;  // the same bits every time
};

// bfloat16, but for the float32 log-sum-exps [batch, query_heads, queries] of the scaled scores. A gradient reads all
// but the last three.
struct AttentionOperands {
  const void* q = nullptr;
  const void* k = nullptr;
  const void* v = nullptr;
  const void* y = nullptr;           // written by the forward pass
  const void* statistics = nullptr;  // … as these are; may be null there
  const void* dy = nullptr;
  void* dq = nullptr;
  void* dk = nullptr;
  void* dv = nullptr;
};

// Who computes attention in bfloat16.
enum class AttentionChoice : std::uint8_t {
  kFused,     // the device's library, where it can, with the same bits every time
  kAnyOrder,  // … adding in whatever order comes: faster
  kBlocks,    // the kernels of runtime/gpu
};

// What a kernel found wrong in its operands' values. Lives where host and device both can see it.
struct Fault {
  std::int64_t is_set = 0;
  std::int64_t position = 0;
  std::int64_t value = 0;

  MP_HD void raise(std::int64_t at, std::int64_t what) {
    position = at;
    value = what;
    is_set = 1;
  }
};

}  // namespace mp::runtime::gpu
