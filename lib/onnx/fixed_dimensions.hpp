// Named dimensions of an ONNX file that become numbers: shapes computed from several of them are constants then.
#pragma once

#include <string>

#include "lib/graph/model.hpp"
#include "lib/onnx/onnx_file.hpp"

namespace mp::onnx {

// "batch", or "tokens.1": what an extent that the file leaves open is called.
[[nodiscard]] std::string name_of_open(const Value& input, std::size_t dimension);

// `fixed` names dimensions of inputs as the imported model would. What the file says of results between is forgotten:
// it may say it by expressions of the names. Throws InputError for names that no input has.
void fix_dimensions(File& file, const Bindings& fixed, const std::string& path);

}  // namespace mp::onnx
