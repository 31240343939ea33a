#include "models/builders/layers.hpp"

#include <cmath>

#include <fmt/format.h>

#include "lib/base/error.hpp"

namespace mp::models {

void need_all_positive(std::string_view what, const Ints& values) {
  if (values.empty()) throw UsageError(fmt::format("{} needs at least one number", what));
  for (const std::int64_t value : values) need_positive(what, value);
}

Initializer he(std::int64_t fan_in) { return normal(std::sqrt(2.0 / static_cast<double>(fan_in))); }

std::string images(ModelBuilder& builder, const std::string& name, std::int64_t channels, std::int64_t image,
                   const std::string& data) {
  return builder.input(name, DataType::kFloat32, {batch(), fixed(channels), fixed(image), fixed(image)}, data);
}

std::string relu(ModelBuilder& builder, const std::string& name, const std::string& x) {
  return builder.node("Relu", name + ".relu", {x});
}

std::string batch_normalization(ModelBuilder& builder, const std::string& name, const std::string& x,
                                std::int64_t channels) {
  const std::string norm = name + ".norm";
  const std::string y = builder.node(
      "BatchNormalization", norm,
      {x, builder.vector(norm + ".weight", channels, 1.0), builder.vector(norm + ".bias", channels, 0.0),
       builder.state(norm + ".running_mean", channels, 0.0), builder.state(norm + ".running_var", channels, 1.0)},
      {{"training_mode", std::int64_t{1}}});
  builder.more_outputs({norm + ".next_mean", norm + ".next_var"});
  return y;
}

std::string cross_entropy(ModelBuilder& builder, const std::string& scores) {
  const std::string labels = builder.input("labels", DataType::kInt64, {batch()}, "labels");
  return builder.node("SoftmaxCrossEntropyLoss", "loss", {scores, labels});
}

}  // namespace mp::models
