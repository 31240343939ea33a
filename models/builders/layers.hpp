// What models of pictures and classifiers are made of.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "models/builders/model_builder.hpp"

namespace mp::models {

using Ints = std::vector<std::int64_t>;

inline constexpr std::size_t kMostHalvings = 20;  // no image is larger than 2 to that

// Throws UsageError where there is no value, or one below 1.
void need_all_positive(std::string_view what, const Ints& values);

// Keeps the variance of activations through Relu: He et al., "Delving deep into rectifiers", ICCV 2015.
[[nodiscard]] Initializer he(std::int64_t fan_in);

// Square images, an input.
std::string images(ModelBuilder& builder, const std::string& name, std::int64_t channels, std::int64_t image,
                   const std::string& data);
// "<name>.relu"
std::string relu(ModelBuilder& builder, const std::string& name, const std::string& x);
// "<name>.norm" with its scale, bias and running statistics.
std::string batch_normalization(ModelBuilder& builder, const std::string& name, const std::string& x,
                                std::int64_t channels);
// "loss", with the input "labels".
std::string cross_entropy(ModelBuilder& builder, const std::string& scores);

}  // namespace mp::models
