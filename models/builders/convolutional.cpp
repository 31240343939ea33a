#include "models/builders/convolutional.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "lib/base/error.hpp"
#include "models/builders/layers.hpp"

namespace mp::models {
namespace {

struct ConvSizes {
  std::int64_t in;
  std::int64_t out;
  std::int64_t kernel = 3;  // height and width
  std::int64_t stride = 1;
};

// Conv that keeps the image (or divides it by the stride), BatchNormalization: the normalisation has the bias.
std::string convolve(ModelBuilder& builder, const std::string& name, const std::string& x, const ConvSizes& s) {
  const std::string weight =
      builder.weight(name + ".weight", {s.out, s.in, s.kernel, s.kernel}, he(s.kernel * s.kernel * s.in));
  const std::string y = builder.node("Conv", name, {x, weight},
                                     {{"kernel_shape", Ints{s.kernel, s.kernel}},
                                      {"pads", Ints(4, s.kernel / 2)},
                                      {"strides", Ints{s.stride, s.stride}}});
  return batch_normalization(builder, name, y, s.out);
}

std::string residual_block(ModelBuilder& builder, const std::string& name, const std::string& x, std::int64_t in,
                           std::int64_t out, std::int64_t stride) {
  const std::string first = relu(builder, name + "conv1", convolve(builder, name + "conv1", x, {in, out, 3, stride}));
  const std::string second = convolve(builder, name + "conv2", first, {out, out});
  const bool is_same = in == out && stride == 1;
  const std::string beside = is_same ? x : convolve(builder, name + "shortcut", x, {in, out, 1, stride});
  return relu(builder, name + "add", builder.node("Add", name + "add", {second, beside}));
}

std::string convolve_twice(ModelBuilder& builder, const std::string& name, std::string x, std::int64_t in,
                           std::int64_t out) {
  for (const char* part : {"conv1", "conv2"}) {
    x = relu(builder, name + part, convolve(builder, name + part, x, {in, out}));
    in = out;
  }
  return x;
}

std::string upsample(ModelBuilder& builder, const std::string& name, const std::string& x, std::int64_t in,
                     std::int64_t out) {
  // With kernel and stride 2 each output sees one tap.
  const std::string weight = builder.weight(name + ".weight", {in, out, 2, 2}, he(in));
  return builder.node("ConvTranspose", name, {x, weight, builder.vector(name + ".bias", out, 0.0)},
                      {{"kernel_shape", Ints{2, 2}}, {"strides", Ints{2, 2}}});
}

// Valid convolution with bias and Relu.
std::string listen(ModelBuilder& builder, const std::string& name, const std::string& x, std::int64_t in,
                   std::int64_t out, Ints kernel) {
  const std::string weight =
      builder.weight(name + ".weight", {out, in, kernel[0], kernel[1]}, he(in * kernel[0] * kernel[1]));
  return relu(builder, name,
              builder.node("Conv", name, {x, weight, builder.vector(name + ".bias", out, 0.0)},
                           {{"kernel_shape", std::move(kernel)}}));
}

}  // namespace

Model build_resnet(const ResnetOptions& o) {
  need_positive("image", o.image);
  need_positive("channels", o.channels);
  need_all_positive("stages", o.stages);
  need_positive("blocks", o.blocks);
  need_positive("classes", o.classes);
  if (o.stages.size() > kMostHalvings || o.image >> (o.stages.size() - 1) < 1) {
    throw UsageError(fmt::format("{} stages halve an image of {} × {} to nothing", o.stages.size(), o.image, o.image));
  }
  ModelBuilder builder(o.name,
                       fmt::format("ResNet of {0} × {0} images: stages {1} of {2} basic blocks, {3} classes", o.image,
                                   o.stages, o.blocks, o.classes),
                       o.batch);
  std::int64_t width = o.stages[0];
  std::string x = images(builder, "x", o.channels, o.image, "images");
  x = relu(builder, "stem", convolve(builder, "stem", x, {o.channels, width}));
  for (std::size_t stage = 0; stage < o.stages.size(); ++stage) {
    for (std::int64_t i = 0; i < o.blocks; ++i) {
      const std::string name = fmt::format("stage{}.block{}.", stage + 1, i + 1);
      x = residual_block(builder, name, x, width, o.stages[stage], stage > 0 && i == 0 ? 2 : 1);
      width = o.stages[stage];
    }
  }
  x = builder.node("Flatten", "features", {builder.node("GlobalAveragePool", "pool", {x})});
  const std::string scores = builder.linear("classifier", x, width, o.classes, he(width));
  return std::move(builder).build(cross_entropy(builder, scores));
}

Model build_unet(const UnetOptions& o) {
  need_positive("image", o.image);
  need_positive("channels", o.channels);
  need_all_positive("levels", o.levels);
  const std::size_t halvings = o.levels.size() - 1;
  if (halvings > kMostHalvings || o.image % (std::int64_t{1} << halvings) != 0) {
    throw UsageError(fmt::format("an image of {0} × {0} cannot be halved {1} times", o.image, halvings));
  }
  if (!(o.noise >= 0.0 && std::isfinite(o.noise))) {
    throw UsageError(fmt::format("noise must be a finite number, 0 or more, not {}", o.noise));
  }
  ModelBuilder builder(o.name, fmt::format("U-Net that cleans {0} × {0} images: levels {1}", o.image, o.levels),
                       o.batch);
  const std::string x = images(builder, "x", o.channels, o.image, "images");
  const std::string target = images(builder, "target", o.channels, o.image, "copy:x");
  const std::string noise = images(builder, "noise", o.channels, o.image, "normal");
  const std::string strength = builder.node("Constant", "strength", {}, {{"value_float", o.noise}});
  std::string y = builder.node("Add", "noisy", {x, builder.node("Mul", "scaled_noise", {noise, strength})});
  std::vector<std::string> beside;
  std::int64_t width = o.channels;
  for (std::size_t level = 0; level <= halvings; ++level) {
    const std::string name = fmt::format("down{}.", level + 1);
    if (level > 0) {
      beside.push_back(y);
      y = builder.node("MaxPool", name + "pool", {y}, {{"kernel_shape", Ints{2, 2}}, {"strides", Ints{2, 2}}});
    }
    y = convolve_twice(builder, name, y, width, o.levels[level]);
    width = o.levels[level];
  }
  for (std::size_t level = halvings; level > 0; --level) {
    const std::string name = fmt::format("up{}.", level);
    const std::int64_t out = o.levels[level - 1];
    const std::string up = upsample(builder, name + "transposed", y, width, out);
    y = builder.node("Concat", name + "beside", {beside[level - 1], up}, {{"axis", std::int64_t{1}}});
    y = convolve_twice(builder, name, y, 2 * out, out);
    width = out;
  }
  const std::string weight = builder.weight("image.weight", {o.channels, width, 1, 1}, he(width));
  y = builder.node("Conv", "image", {y, weight, builder.vector("image.bias", o.channels, 0.0)},
                   {{"kernel_shape", Ints{1, 1}}});
  return std::move(builder).build(builder.node("MeanSquaredError", "loss", {y, target}));
}

Model build_speech(const SpeechOptions& o) {
  need_positive("frames", o.frames);
  need_positive("bands", o.bands);
  need_positive("channels", o.channels);
  need_positive("classes", o.classes);
  ModelBuilder builder(
      o.name,
      fmt::format("Convolutional keyword classifier of spectrograms, {} frames of {} bands, {} classes", o.frames,
                  o.bands, o.classes),
      o.batch);
  std::string x =
      builder.input("x", DataType::kFloat32, {batch(), fixed(1), fixed(o.frames), fixed(o.bands)}, "images");
  std::int64_t frames = o.frames;
  std::int64_t bands = o.bands;
  const auto shrink = [&](const Ints& kernel) {
    frames -= kernel[0] - 1;
    bands -= kernel[1] - 1;
  };
  const Ints first = {std::min<std::int64_t>(20, frames), std::min<std::int64_t>(8, bands)};
  x = listen(builder, "conv1", x, 1, o.channels, first);
  shrink(first);
  const std::int64_t pooled = std::min<std::int64_t>(3, bands);
  x = builder.node("MaxPool", "pool", {x}, {{"kernel_shape", Ints{1, pooled}}, {"strides", Ints{1, pooled}}});
  bands = (bands - pooled) / pooled + 1;
  const Ints second = {std::min<std::int64_t>(10, frames), std::min<std::int64_t>(4, bands)};
  x = listen(builder, "conv2", x, o.channels, o.channels, second);
  shrink(second);
  const std::int64_t width = o.channels * frames * bands;
  x = builder.linear("low_rank", builder.node("Flatten", "features", {x}), width, 32, he(width));
  x = relu(builder, "hidden", builder.linear("hidden", x, 32, 128, he(32)));
  return std::move(builder).build(cross_entropy(builder, builder.linear("classifier", x, 128, o.classes, he(128))));
}

}  // namespace mp::models
