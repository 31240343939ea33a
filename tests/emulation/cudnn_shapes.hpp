// Tensors, filters and convolutions as cuDNN's older interface describes them.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "tests/emulation/convolution.hpp"
#include "tests/emulation/cudnn.hpp"

// NCHW and KCHW, packed; 0: not set.
struct cudnnTensorStruct {
  cudnnDataType_t type = CUDNN_DATA_FLOAT;
  std::array<int, 4> extents{};
};
struct cudnnFilterStruct {
  cudnnDataType_t type = CUDNN_DATA_FLOAT;
  std::array<int, 4> extents{};
};
struct cudnnConvolutionStruct {
  std::array<int, 2> pads{};
  std::array<int, 2> strides{};
  std::array<int, 2> dilations{};
  int groups = 1;
  cudnnMathType_t math = CUDNN_DEFAULT_MATH;
};

namespace mp::emulation {

// Of float32 and bfloat16, which are all that are emulated.
[[nodiscard]] std::size_t size_of(cudnnDataType_t type);
[[nodiscard]] std::vector<float> load(const void* from, cudnnDataType_t type, std::int64_t count);
void store(void* to, cudnnDataType_t type, std::int64_t i, float value);

struct Convolution {
  Convolution2d shape;
  cudnnDataType_t type = CUDNN_DATA_FLOAT;
  cudnnMathType_t math = CUDNN_DEFAULT_MATH;
};

// Refused where the descriptors do not fit each other.
[[nodiscard]] cudnnStatus_t read_convolution(cudnnTensorDescriptor_t source, cudnnFilterDescriptor_t weights,
                                             cudnnConvolutionDescriptor_t convolution,
                                             cudnnTensorDescriptor_t destination, Convolution& read);

}  // namespace mp::emulation
