// Convolutions by the definition, summed in float32.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

namespace mp::emulation {

// NCHW; the pads are alike at both ends. Weights are [destination channels, source channels / groups, kernel].
struct Convolution2d {
  std::int64_t batch = 0;
  std::int64_t groups = 1;
  std::int64_t source_channels = 0;  // of all groups, as those of the destination
  std::int64_t destination_channels = 0;
  std::array<std::int64_t, 2> source{};
  std::array<std::int64_t, 2> destination{};
  std::array<std::int64_t, 2> kernel{};
  std::array<std::int64_t, 2> pads{};
  std::array<std::int64_t, 2> strides{};
  std::array<std::int64_t, 2> dilations{};

  [[nodiscard]] std::int64_t source_elements() const { return batch * source_channels * source[0] * source[1]; }
  [[nodiscard]] std::int64_t weight_elements() const {
    return destination_channels * (source_channels / groups) * kernel[0] * kernel[1];
  }
  [[nodiscard]] std::int64_t destination_elements() const {
    return batch * destination_channels * destination[0] * destination[1];
  }
};

struct ConvolutionValues {
  std::vector<float> source;
  std::vector<float> weights;
  std::vector<float> destination;
};

// Adds to the destination, or the gradients to the source, or to the weights.
void convolve(const Convolution2d& shape, ConvolutionValues& values);
void convolve_to_source(const Convolution2d& shape, ConvolutionValues& values);
void convolve_to_weights(const Convolution2d& shape, ConvolutionValues& values);

}  // namespace mp::emulation
