// Model files ("format": "mp.model/1"): docs/model-format.md.
#pragma once

#include <string>
#include <string_view>

#include "lib/graph/model.hpp"

namespace mp {

inline constexpr std::string_view kModelFormat = "mp.model/1";

struct ModelFile {
  Model model;
  std::string sha256;  // of the file's bytes
};

// Throws InputError with everything that is wrong with the file as such: JSON, keys, types, ranges. Whether the model
// makes sense is bind_model's to say; its places are pointers into this file, too.
[[nodiscard]] ModelFile read_model(const std::string& path);
[[nodiscard]] Model parse_model(std::string_view text, const std::string& source);

// One line per input, parameter and node; what has its default value is left out. parse_model gives the same Model.
[[nodiscard]] std::string to_json(const Model& model);

}  // namespace mp
