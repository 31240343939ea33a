#include "apps/common/outputs.hpp"

#include <fmt/core.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>

#include "lib/base/error.hpp"

namespace mp::apps {

void check_writable(const std::string& path) {
  namespace fs = std::filesystem;
  std::error_code error;
  if (fs::is_directory(path, error)) throw RunError(fmt::format("cannot write '{}': it is a folder", path));
  const fs::path parent = fs::path(path).parent_path();
  const std::string folder = parent.empty() ? "." : parent.string();
  const std::string needed = fs::exists(path, error) ? path : folder;
  if (access(needed.c_str(), W_OK) != 0) {
    throw RunError(fmt::format("cannot write '{}': {}: {}", path, needed, std::strerror(errno)));
  }
}

}  // namespace mp::apps
