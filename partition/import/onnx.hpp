// ONNX models (onnx.ai): the graph, shapes and parameters; lib/onnx does the work.
#pragma once

#include <string>
#include <string_view>

#include "partition/import/formats.hpp"

namespace mp::partition {

inline constexpr std::string_view kOnnxFormat = "onnx";

// A path that ends with ".onnx", or a protocol buffer with the fields of a model.
[[nodiscard]] bool looks_like_onnx(std::string_view bytes, std::string_view path);

// The model is bound once with the extents that it gives its own dimensions, so that every operator has checked its
// shapes. Throws InputError with the nodes, inputs and initializers concerned.
[[nodiscard]] ImportedModel import_onnx(std::string_view bytes, const std::string& path);

// The same with named dimensions fixed, which the model then has no more.
[[nodiscard]] ImportedModel import_onnx_fixed(std::string_view bytes, const std::string& path, const Bindings& fixed);

}  // namespace mp::partition
