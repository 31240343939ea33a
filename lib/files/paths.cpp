#include "lib/files/paths.hpp"

#include <filesystem>

namespace mp {

namespace fs = std::filesystem;

std::string path_from_file(const std::string& file, const std::string& path) {
  return (fs::path(file).parent_path() / path).lexically_normal().string();
}

std::string path_for_file(const std::string& file, const std::string& path) {
  if (fs::path(path).is_absolute()) return path;
  const fs::path folder = fs::absolute(fs::path(file)).lexically_normal().parent_path();
  return fs::absolute(fs::path(path)).lexically_normal().lexically_relative(folder).generic_string();
}

}  // namespace mp
