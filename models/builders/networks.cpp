#include "models/builders/networks.hpp"

#include <cmath>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "lib/base/error.hpp"
#include "models/builders/layers.hpp"

namespace mp::models {
namespace {

// Conv 3×3, BatchNormalization, Relu: the normalisation has the bias.
std::string convolve(ModelBuilder& builder, const std::string& name, const std::string& x, std::int64_t in,
                     std::int64_t out) {
  const std::string weight = builder.weight(name + ".weight", {out, in, 3, 3}, he(9 * in));
  const std::string y =
      builder.node("Conv", name, {x, weight}, {{"kernel_shape", Ints{3, 3}}, {"pads", Ints{1, 1, 1, 1}}});
  return relu(builder, name, batch_normalization(builder, name, y, out));
}

// Conv or ConvTranspose 4×4 with stride 2: halves or doubles the image.
std::string resample(ModelBuilder& builder, const std::string& op, const std::string& name, const std::string& x,
                     std::int64_t in, std::int64_t out) {
  const bool doubles = op == "ConvTranspose";
  // Each output of a ConvTranspose sees a quarter of the 4×4 kernel.
  const std::string weight = doubles ? builder.weight(name + ".weight", {in, out, 4, 4}, he(4 * in))
                                     : builder.weight(name + ".weight", {out, in, 4, 4}, he(16 * in));
  const std::string bias = builder.vector(name + ".bias", out, 0.0);
  return builder.node(op, name, {x, weight, bias},
                      {{"kernel_shape", Ints{4, 4}}, {"pads", Ints{1, 1, 1, 1}}, {"strides", Ints{2, 2}}});
}

}  // namespace

Model build_simple(const SimpleOptions& o) {
  need_positive("width", o.width);
  ModelBuilder builder(o.name, "Two linear layers on two devices; the loss is the sum of the output", o.batch);
  // As torch.nn.Linear begins.
  const Initializer initial = uniform(1.0 / std::sqrt(static_cast<double>(o.width)));
  const std::string x = builder.input("x", DataType::kFloat32, {batch(), fixed(o.width)}, "normal");
  const std::string h = builder.linear("fc1", x, o.width, o.width, initial);
  builder.pin(0);
  const std::string y = builder.linear("fc2", h, o.width, o.width, initial);
  builder.pin(1);
  const std::string loss = builder.node("ReduceSum", "loss", {y}, {{"keepdims", std::int64_t{0}}});
  return std::move(builder).build(loss, LossReduction::kSum);
}

Model build_mlp(const MlpOptions& o) {
  need_positive("inputs", o.inputs);
  need_all_positive("hidden", o.hidden);
  need_positive("classes", o.classes);
  ModelBuilder builder(
      o.name, fmt::format("Multi-layer perceptron: {} inputs, hidden {}, {} classes", o.inputs, o.hidden, o.classes),
      o.batch);
  std::string x = builder.input("x", DataType::kFloat32, {batch(), fixed(o.inputs)}, "images");
  std::int64_t width = o.inputs;
  for (std::size_t i = 0; i < o.hidden.size(); ++i) {
    const std::string name = fmt::format("fc{}", i + 1);
    x = relu(builder, name, builder.linear(name, x, width, o.hidden[i], he(width)));
    width = o.hidden[i];
  }
  const std::string scores = builder.linear("classifier", x, width, o.classes, he(width));
  return std::move(builder).build(cross_entropy(builder, scores));
}

Model build_convnet(const ConvnetOptions& o) {
  need_positive("image", o.image);
  need_positive("channels", o.channels);
  need_all_positive("stages", o.stages);
  need_positive("depth", o.depth);
  need_positive("classes", o.classes);
  if (o.stages.size() > kMostHalvings || o.image >> (o.stages.size() - 1) < 1) {
    throw UsageError(fmt::format("{} stages halve an image of {} × {} to nothing", o.stages.size(), o.image, o.image));
  }
  ModelBuilder builder(o.name,
                       fmt::format("Convolutional classifier of {0} × {0} images: stages {1} of {2} convolutions, {3} "
                                   "classes",
                                   o.image, o.stages, o.depth, o.classes),
                       o.batch);
  std::string x = images(builder, "x", o.channels, o.image, "images");
  std::int64_t width = o.channels;
  for (std::size_t stage = 0; stage < o.stages.size(); ++stage) {
    const std::string name = fmt::format("stage{}.", stage + 1);
    if (stage > 0) {
      x = builder.node("MaxPool", name + "pool", {x}, {{"kernel_shape", Ints{2, 2}}, {"strides", Ints{2, 2}}});
    }
    for (std::int64_t i = 0; i < o.depth; ++i) {
      x = convolve(builder, fmt::format("{}conv{}", name, i + 1), x, width, o.stages[stage]);
      width = o.stages[stage];
    }
  }
  x = builder.node("Flatten", "features", {builder.node("GlobalAveragePool", "pool", {x})});
  const std::string scores = builder.linear("classifier", x, width, o.classes, he(width));
  return std::move(builder).build(cross_entropy(builder, scores));
}

Model build_autoencoder(const AutoencoderOptions& o) {
  need_positive("image", o.image);
  need_positive("channels", o.channels);
  need_all_positive("stages", o.stages);
  if (o.stages.size() > kMostHalvings || o.image % (std::int64_t{1} << o.stages.size()) != 0) {
    throw UsageError(fmt::format("an image of {0} × {0} cannot be halved {1} times", o.image, o.stages.size()));
  }
  ModelBuilder builder(
      o.name, fmt::format("Convolutional autoencoder of {0} × {0} images: stages {1}", o.image, o.stages), o.batch);
  const std::string x = images(builder, "x", o.channels, o.image, "images");
  const std::string target = images(builder, "target", o.channels, o.image, "copy:x");
  std::string y = x;
  std::int64_t width = o.channels;
  for (std::size_t i = 0; i < o.stages.size(); ++i) {
    const std::string name = fmt::format("down{}", i + 1);
    y = relu(builder, name, resample(builder, "Conv", name, y, width, o.stages[i]));
    width = o.stages[i];
  }
  for (std::size_t i = o.stages.size(); i > 0; --i) {
    const std::string name = fmt::format("up{}", i);
    const std::int64_t out = i == 1 ? o.channels : o.stages[i - 2];
    y = resample(builder, "ConvTranspose", name, y, width, out);
    if (i > 1) y = relu(builder, name, y);
    width = out;
  }
  y = builder.node("Sigmoid", "reconstruction", {y});
  return std::move(builder).build(builder.node("MeanSquaredError", "loss", {y, target}));
}

}  // namespace mp::models
