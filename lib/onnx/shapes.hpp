// Shapes of what the nodes of an ONNX graph make: files need not say them, and exporters compute with them.
#pragma once

#include <optional>
#include <vector>

#include "lib/onnx/constants.hpp"
#include "lib/onnx/onnx_file.hpp"

namespace mp::onnx {

using Shape = std::vector<Dimension>;  // an extent of 0 without a name: unknown

// One for each output, as far as the shapes of the inputs and the constants tell it by the rules of the ONNX standard;
// nothing for what they do not tell, and for nodes that are wrong: those are refused elsewhere.
[[nodiscard]] std::vector<std::optional<Shape>> result_shapes(const Node& node, const Constants& constants);

}  // namespace mp::onnx
