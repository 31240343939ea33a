// Paths written in files are relative to the folder of the file, so that folders can be moved and shared.
#pragma once

#include <string>

namespace mp {

// Where `path`, as written in the file `file`, is, seen from the working directory.
[[nodiscard]] std::string path_from_file(const std::string& file, const std::string& path);

// How to write the path `path` (seen from the working directory) in the file `file`: relative to its folder; absolute
// where the user gave it so.
[[nodiscard]] std::string path_for_file(const std::string& file, const std::string& path);

}  // namespace mp
