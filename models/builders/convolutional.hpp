// Convolutional models: ResNet, U-Net, a classifier of spectrograms.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "lib/graph/model.hpp"

namespace mp::models {

// He et al., "Deep residual learning for image recognition", CVPR 2016: basic blocks of two Conv 3×3 with
// BatchNormalization; the first block of every stage but the first halves the image and has a Conv 1×1 beside it.
// The stem is a Conv 3×3, as for CIFAR; stages 64 128 256 512 with 2 blocks each make ResNet-18.
struct ResnetOptions {
  std::string name = "resnet";
  std::int64_t image = 8;     // height and width
  std::int64_t channels = 1;  // of the image
  std::vector<std::int64_t> stages = {16, 32};
  std::int64_t blocks = 2;  // a stage
  std::int64_t classes = 10;
  std::int64_t batch = 64;
};
[[nodiscard]] Model build_resnet(const ResnetOptions& options);

// Ronneberger et al., "U-Net", MICCAI 2015: two Conv 3×3 with BatchNormalization at every level, MaxPool down,
// ConvTranspose 2×2 up, and the level's own image beside what comes up. Trained to take away the noise that is added to
// its images.
struct UnetOptions {
  std::string name = "unet";
  std::int64_t image = 8;     // height and width; divisible by 2 as often as there are levels below the first
  std::int64_t channels = 1;  // of the image
  std::vector<std::int64_t> levels = {16, 32};
  double noise = 0.3;  // its standard deviation
  std::int64_t batch = 64;
};
[[nodiscard]] Model build_unet(const UnetOptions& options);

// The convolutional keyword classifier of Sainath & Parada, "Convolutional neural networks for small-footprint keyword
// spotting", Interspeech 2015 (cnn-trad-fpool3): over [1, frames, bands] spectrograms a Conv 20×8, MaxPool of 3 bands,
// Conv 10×4, then a linear layer of 32, one of 128 with Relu, and the classes. Kernels higher than the spectrogram are
// cut to it.
struct SpeechOptions {
  std::string name = "speech";
  std::int64_t frames = 98;
  std::int64_t bands = 40;
  std::int64_t channels = 64;  // of both convolutions
  std::int64_t classes = 12;
  std::int64_t batch = 32;
};
[[nodiscard]] Model build_speech(const SpeechOptions& options);

// All throw UsageError for options that make no model.

}  // namespace mp::models
