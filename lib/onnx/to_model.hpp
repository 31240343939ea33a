// ONNX files as models: docs/import-formats.md says what becomes what.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "lib/graph/model.hpp"
#include "lib/onnx/onnx_file.hpp"

namespace mp::onnx {

// The largest file read: protocol buffers end at 2 GiB.
inline constexpr std::int64_t kMaxFileBytes = std::int64_t{1} << 31;

struct Imported {
  Model model;
  // The values of model.parameters, one for each. Raw values are views into the file's bytes, or lie in other files.
  std::vector<Tensor> values;
};

// `path` names the file in errors; external data and the default name of the model come from there, too. Throws
// InputError with everything found, each with the node or initializer that it is about. Dimensions of `fixed` become
// numbers: no plan can bind them again.
[[nodiscard]] Imported import(std::string_view bytes, const std::string& path, const Bindings& fixed = {});

// Writes the values of all parameters as safetensors, under the parameters' names. The file's bytes must still be
// there.
void write_values(const Imported& imported, const std::string& onnx_path, const std::string& path);

}  // namespace mp::onnx
