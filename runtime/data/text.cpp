#include "runtime/data/text.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <functional>
#include <system_error>

#include "lib/base/error.hpp"

namespace mp::runtime {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxFiles = 20'000;  // each is a mapping, and the kernel has 65,530 for a process

[[noreturn]] void fail(const std::string& path, const std::string& message) {
  throw InputError(path, Issue{"", message});
}

// The regular files below `folder` for which `wanted` holds, by path.
std::vector<std::string> files_below(const fs::path& folder, const std::function<bool(const fs::path&)>& wanted) {
  std::vector<std::string> found;
  std::error_code error;
  for (fs::recursive_directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    std::error_code ignored;  // an entry that vanished is no regular file
    const bool is_file = !it->is_symlink(ignored) && it->is_regular_file(ignored);
    if (is_file && wanted(it->path())) found.push_back(it->path().string());
    if (found.size() > kMaxFiles) fail(folder.string(), fmt::format("more than {} files: join them", kMaxFiles));
  }
  if (error) fail(folder.string(), error.message());
  std::sort(found.begin(), found.end());
  return found;
}

bool looks_binary(std::span<const std::uint8_t> bytes) {
  const auto start = bytes.first(std::min<std::size_t>(bytes.size(), 8192));
  return std::find(start.begin(), start.end(), std::uint8_t{0}) != start.end();
}

void add(Text& text, const MappedFile& file) {
  const std::size_t held_out = file.bytes().size() / std::size_t{kHeldOutDivisor};
  text.training.append(file.bytes().first(file.bytes().size() - held_out));
  text.held_out.append(file.bytes().last(held_out));
  text.files.push_back(file);
}

void add_all(Text& text, const std::vector<std::string>& paths) {
  for (const std::string& path : paths) {
    const MappedFile file(path);
    if (!looks_binary(file.bytes())) add(text, file);
  }
}

std::vector<std::string> default_files() {
  const auto any = [](const fs::path&) { return true; };
  const auto is_module = [](const fs::path& path) {
    return path.extension() == ".pm" && path.string().find("/unicore/") == std::string::npos;  // tables, no text
  };
  std::vector<std::string> found;
  std::error_code error;
  if (fs::is_directory("/usr/share/common-licenses", error)) found = files_below("/usr/share/common-licenses", any);
  for (fs::directory_iterator it("/usr/lib", error), end; !error && it != end; it.increment(error)) {
    const fs::path folder = it->path() / "perl-base";
    if (!fs::is_directory(folder, error)) continue;
    const std::vector<std::string> modules = files_below(folder, is_module);
    found.insert(found.end(), modules.begin(), modules.end());
  }
  return found;
}

std::string described(const Text& text, const std::string& origin) {
  const double kilobytes = static_cast<double>(text.training.size() + text.held_out.size()) / 1e3;
  return fmt::format("{} ({} {}, {:.0f} kB)", origin, text.files.size(), text.files.size() == 1 ? "file" : "files",
                     kilobytes);
}

}  // namespace

void TokenSequence::append(std::span<const std::uint8_t> bytes) {
  if (bytes.empty()) return;
  pieces_.push_back(bytes);
  starts_.push_back(starts_.back() + static_cast<std::int64_t>(bytes.size()));
}

void TokenSequence::copy(std::int64_t first, std::span<std::int64_t> tokens) const {
  const auto after = std::upper_bound(starts_.begin(), starts_.end(), first);
  auto piece = static_cast<std::size_t>(after - starts_.begin()) - 1;
  auto position = static_cast<std::size_t>(first - starts_[piece]);
  for (std::int64_t& token : tokens) {
    for (; position == pieces_[piece].size(); position = 0) ++piece;
    token = pieces_[piece][position++];
  }
}

std::array<std::int64_t, 256> TokenSequence::counts() const {
  std::array<std::int64_t, 256> counts{};
  for (const auto& piece : pieces_) {
    for (const std::uint8_t byte : piece) ++counts[byte];
  }
  return counts;
}

double entropy(std::span<const std::int64_t> counts) {
  double total = 0.0;
  for (const std::int64_t count : counts) total += static_cast<double>(count);
  double sum = 0.0;
  for (const std::int64_t count : counts) {
    const double share = static_cast<double>(count) / total;
    if (count > 0) sum -= share * std::log(share);
  }
  return sum;
}

Text open_text(const std::vector<std::string>& paths) {
  Text text;
  std::string origin;
  for (const std::string& path : paths) {
    std::error_code error;
    if (fs::is_directory(path, error)) {
      add_all(text, files_below(path, [](const fs::path&) { return true; }));
    } else {
      add(text, MappedFile(path));
    }
    origin += (origin.empty() ? "" : ", ") + path;
  }
  if (text.training.size() == 0) fail(origin, "no text in it");
  text.description = described(text, origin);
  return text;
}

Text open_default_text() {
  Text text;
  add_all(text, default_files());
  if (text.training.size() == 0) {
    fail("/usr/share/common-licenses", "this system has no default text; give one with --data text=FILE_OR_FOLDER");
  }
  text.description = described(text, "Debian's common licences and Perl's base modules");
  return text;
}

}  // namespace mp::runtime
