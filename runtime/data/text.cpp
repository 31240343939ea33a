#include "runtime/data/text.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <system_error>
#include <utility>

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

// Takes up the tokens of files, each with its share for either part.
class TextBuilder {
 public:
  explicit TextBuilder(const TextOptions& options) : options_(options) {}

  void add(const TokenPiece& tokens, const MappedFile& file) {
    const std::size_t count = tokens.bytes.size() / tokens.width;
    const std::size_t held_out = options_.hold_out == HoldOut::kEnd ? count / std::size_t{kHeldOutDivisor} : 0;
    TokenPiece first = tokens;
    first.bytes = tokens.bytes.first((count - held_out) * tokens.width);
    TokenPiece last = tokens;
    last.bytes = tokens.bytes.last(held_out * tokens.width);
    if (last.offset_bytes >= 0) last.offset_bytes += static_cast<std::int64_t>(first.bytes.size());
    text.training.append(std::move(first));
    text.held_out.append(std::move(last));
    text.files.push_back(file);
  }

  void add_text(const MappedFile& file, const std::string& path) {
    if (options_.vocabulary == nullptr) {
      return add({.bytes = file.bytes(), .width = 1, .path = path, .offset_bytes = 0}, file);
    }
    const void* characters = file.bytes().data();
    std::vector<std::int64_t> tokens =
        options_.vocabulary->encode({static_cast<const char*>(characters), file.bytes().size()});
    if (const auto end = options_.vocabulary->end_of_text(); end && !tokens.empty()) tokens.push_back(*end);
    const std::vector<std::uint32_t>& stored = text.encoded.emplace_back(tokens.begin(), tokens.end());
    const void* bytes = stored.data();
    add({.bytes = {static_cast<const std::uint8_t*>(bytes), stored.size() * sizeof(std::uint32_t)},
         .width = sizeof(std::uint32_t),
         .path = path,
         .offset_bytes = TokenPiece::kNotInFile},
        file);
  }

  void add_texts(const std::vector<std::string>& paths) {
    for (const std::string& path : paths) {
      const MappedFile file(path);
      if (!looks_binary(file.bytes())) add_text(file, path);
    }
  }

  Text text;

 private:
  TextOptions options_;
};

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
  const std::int64_t tokens = text.training.size() + text.held_out.size();
  if (!text.encoded.empty()) {
    return fmt::format("{} ({} {}, {} tokens)", origin, text.files.size(), text.files.size() == 1 ? "file" : "files",
                       tokens);
  }
  const double kilobytes = static_cast<double>(tokens) / 1e3;
  return fmt::format("{} ({} {}, {:.0f} kB)", origin, text.files.size(), text.files.size() == 1 ? "file" : "files",
                     kilobytes);
}

}  // namespace

Text open_text(const std::vector<std::string>& paths, const TextOptions& options) {
  TextBuilder builder(options);
  std::string origin;
  for (const std::string& path : paths) {
    std::error_code error;
    if (fs::is_directory(path, error)) {
      builder.add_texts(files_below(path, [](const fs::path&) { return true; }));
    } else {
      builder.add_text(MappedFile(path), path);
    }
    origin += (origin.empty() ? "" : ", ") + path;
  }
  if (builder.text.training.size() == 0) fail(origin, "no text in it");
  builder.text.description = described(builder.text, origin);
  return std::move(builder.text);
}

Text open_token_files(const std::vector<std::string>& paths, const TokenFileOptions& options, HoldOut hold_out) {
  TextBuilder builder({.hold_out = hold_out, .vocabulary = nullptr});
  std::string origin;
  for (const std::string& path : paths) {
    std::error_code error;
    const auto is_token_file = [](const fs::path& file) { return file.extension() == ".bin"; };
    const std::vector<std::string> files =
        fs::is_directory(path, error) ? files_below(path, is_token_file) : std::vector{path};
    if (files.empty()) fail(path, "no *.bin file in it");
    for (const std::string& file : files) {
      const TokenFile opened = open_token_file(file, options);
      builder.add(opened.tokens, opened.file);
    }
    origin += (origin.empty() ? "" : ", ") + path;
  }
  Text& text = builder.text;
  text.description =
      fmt::format("{} ({} {}, {} tokens)", origin, text.files.size(), text.files.size() == 1 ? "file" : "files",
                  text.training.size() + text.held_out.size());
  return std::move(text);
}

Text open_default_text(const TextOptions& options) {
  TextBuilder builder(options);
  builder.add_texts(default_files());
  if (builder.text.training.size() == 0) {
    fail("/usr/share/common-licenses", "this system has no default text; give one with --data text=FILE_OR_FOLDER");
  }
  builder.text.description = described(builder.text, "Debian's common licences and Perl's base modules");
  return std::move(builder.text);
}

}  // namespace mp::runtime
