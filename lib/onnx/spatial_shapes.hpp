// Shapes of what slides over images: convolutions, pooling.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "lib/onnx/onnx_file.hpp"

namespace mp::onnx {

[[nodiscard]] inline bool is_number(const Dimension& d) { return d.name.empty() && d.extent > 0; }

// Of shapes that are all numbers, and whose product is no absurdity.
[[nodiscard]] std::optional<std::int64_t> product_of(const std::vector<Dimension>& dims);

[[nodiscard]] std::int64_t integer_or(const Node& node, std::string_view attribute, std::int64_t fallback);

// [batch, channels, …] of Conv, ConvTranspose, MaxPool, AveragePool, GlobalAveragePool and GlobalMaxPool, from those of
// the images and, for the first two, of the weights; nothing for other operators, and for shapes these cannot have.
[[nodiscard]] std::optional<std::vector<Dimension>> spatial_shape(const Node& node,
                                                                  const std::vector<Dimension>& images,
                                                                  const std::vector<Dimension>& weights);

}  // namespace mp::onnx
