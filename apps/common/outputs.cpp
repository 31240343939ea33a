#include "apps/common/outputs.hpp"

#include <fmt/core.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <system_error>

#include "lib/base/error.hpp"
#include "lib/files/atomic_file.hpp"

namespace mp::apps {
namespace {

// By the file behind links, or by name where there is none yet. A device or pipe may be both.
bool same_file(const std::string& a, const std::string& b) {
  namespace fs = std::filesystem;
  std::error_code error;
  if (fs::exists(a, error)) return fs::is_regular_file(a, error) && fs::equivalent(a, b, error);
  return fs::weakly_canonical(fs::absolute(a, error), error) == fs::weakly_canonical(fs::absolute(b, error), error);
}

}  // namespace

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

void check_outputs_apart(const std::vector<std::string>& outputs, const std::vector<std::string>& inputs) {
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    for (const std::string& input : inputs) {
      if (outputs[i] == kStandardOutput || !same_file(outputs[i], input)) continue;
      throw UsageError(
          fmt::format("writing '{}' would destroy '{}', which is read: name another file", outputs[i], input));
    }
    for (std::size_t j = 0; j < i; ++j) {
      if (same_file(outputs[i], outputs[j])) throw UsageError(fmt::format("'{}' is to be written twice", outputs[i]));
    }
    if (outputs[i] != kStandardOutput) check_writable(outputs[i]);
  }
}

void refuse_standard_output(std::string_view flag, const std::string& path) {
  if (path != kStandardOutput) return;
  throw UsageError(fmt::format("{} -: standard output has the results; name a file", flag));
}

void write_output(const std::string& path, std::string_view text) {
  if (path == kStandardOutput) {
    fmt::print("{}", text);
  } else {
    write_file_atomically(path, text);
  }
}

}  // namespace mp::apps
