// One ONNX node as nodes of ours: constant inputs become attributes, older forms become today's.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/graph/model.hpp"
#include "lib/onnx/constants.hpp"
#include "lib/onnx/onnx_file.hpp"

namespace mp::onnx {

struct Conversion {
  std::vector<ModelNode> nodes;       // in order; their names are still to be made unique
  std::vector<std::string> problems;  // why the node has no counterpart, and what to do
};

// `is_used`: whether anything reads a tensor; outputs that nothing reads are left out.
[[nodiscard]] Conversion convert(const Node& node, const Constants& constants, std::int64_t opset,
                                 const std::function<bool(std::string_view)>& is_used);

}  // namespace mp::onnx
