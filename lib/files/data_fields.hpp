// "data" of a recipe: docs/data.md.
#pragma once

#include <string>

#include "lib/files/json.hpp"
#include "lib/plan/data_sources.hpp"

namespace mp {

[[nodiscard]] DataSources read_data_sources(JsonValue value);

// Makes the paths, written in the file `file`, relative to the working directory (or absolute).
void find_from(const std::string& file, DataSources& data);

}  // namespace mp
