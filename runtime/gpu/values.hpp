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
