// The smaller models: two linear layers, multi-layer perceptrons, convolutional classifiers and autoencoders.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "lib/graph/model.hpp"

namespace mp::models {

// Two linear layers fc1, fc2 of `width` × `width`, fc1 pinned to device 0 and fc2 to device 1; normal random input;
// loss: the sum of the output. The smallest model that is placed on two devices and trained; everything about it can be
// worked out by hand.
struct SimpleOptions {
  std::string name = "simple";
  std::int64_t width = 10;
  std::int64_t batch = 16;
};
[[nodiscard]] Model build_simple(const SimpleOptions& options);

// Linear layers with Relu between them, as a classifier of vectors.
struct MlpOptions {
  std::string name = "mlp";
  std::int64_t inputs = 64;
  std::vector<std::int64_t> hidden = {128, 128};
  std::int64_t classes = 10;
  std::int64_t batch = 64;
};
[[nodiscard]] Model build_mlp(const MlpOptions& options);

// A classifier of square images: for each entry of `stages`, `depth` times Conv 3×3 (that many channels),
// BatchNormalization, Relu; between stages MaxPool 2×2; then GlobalAveragePool and a linear layer.
struct ConvnetOptions {
  std::string name = "convnet";
  std::int64_t image = 8;     // height and width
  std::int64_t channels = 1;  // of the image
  std::vector<std::int64_t> stages = {32, 64};
  std::int64_t depth = 2;
  std::int64_t classes = 10;
  std::int64_t batch = 64;
};
[[nodiscard]] Model build_convnet(const ConvnetOptions& options);

// For each entry of `stages` a Conv 4×4 that halves the image, with that many channels and Relu; then as many
// ConvTranspose 4×4 back to the image; Sigmoid; loss: mean squared error against the input.
struct AutoencoderOptions {
  std::string name = "autoencoder";
  std::int64_t image = 8;  // height and width; divisible by 2 as often as there are stages
  std::int64_t channels = 1;
  std::vector<std::int64_t> stages = {16, 32};
  std::int64_t batch = 64;
};
[[nodiscard]] Model build_autoencoder(const AutoencoderOptions& options);

// All throw UsageError for options that make no model.

}  // namespace mp::models
