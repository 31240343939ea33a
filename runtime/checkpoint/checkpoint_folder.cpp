#include "runtime/checkpoint/checkpoint_folder.hpp"

#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <sstream>
#include <system_error>

#include "lib/base/error.hpp"

namespace mp::runtime {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kPrefix = "step-";
constexpr std::string_view kSuffix = ".safetensors";

// "step-000120.safetensors" is 120.
std::optional<std::int64_t> step_in(std::string_view name) {
  if (!name.starts_with(kPrefix) || !name.ends_with(kSuffix) || name.size() <= kPrefix.size() + kSuffix.size()) {
    return std::nullopt;
  }
  name = name.substr(kPrefix.size(), name.size() - kPrefix.size() - kSuffix.size());
  std::int64_t step = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), step);
  if (error != std::errc() || end != name.data() + name.size() || step < 0) return std::nullopt;
  return step;
}

}  // namespace

std::string checkpoint_path(const std::string& folder, std::int64_t step) {
  return (fs::path(folder) / fmt::format("{}{:08}{}", kPrefix, step, kSuffix)).string();
}

std::vector<CheckpointFile> checkpoints_in(const std::string& folder) {
  std::vector<CheckpointFile> found;
  std::error_code error;
  if (!fs::exists(folder, error) && !error) return found;
  fs::directory_iterator files(folder, error);
  if (error) throw InputError(folder, Issue{"", "cannot be read as a folder of checkpoints: " + error.message()});
  for (const fs::directory_entry& entry : files) {
    const std::optional<std::int64_t> step = step_in(entry.path().filename().string());
    if (step && entry.is_regular_file(error)) found.push_back({*step, entry.path().string()});
  }
  std::sort(found.begin(), found.end(),
            [](const CheckpointFile& a, const CheckpointFile& b) { return a.step > b.step; });
  return found;
}

void make_checkpoint_folder(const std::string& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error || !fs::is_directory(folder)) {
    throw RunError(fmt::format("{}: cannot make the folder of the checkpoints: {}", folder,
                               error ? error.message() : "something else has that name"));
  }
  if (::access(folder.c_str(), W_OK | X_OK) != 0) {
    throw RunError(fmt::format("{}: the folder of the checkpoints cannot be written to", folder));
  }
}

void remove_old_checkpoints(const std::string& folder, std::int64_t keep) {
  const std::vector<CheckpointFile> files = checkpoints_in(folder);
  std::error_code error;  // one that cannot be removed is in nobody's way
  for (std::size_t i = static_cast<std::size_t>(keep); i < files.size(); ++i) fs::remove(files[i].path, error);
  std::vector<fs::path> left;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, error)) {
    const std::string name = entry.path().filename().string();
    const std::size_t end = name.find(std::string(kSuffix) + ".tmp.");
    if (end != std::string::npos && step_in(name.substr(0, end + kSuffix.size()))) left.push_back(entry.path());
  }
  for (const fs::path& path : left) fs::remove(path, error);
}

std::string newest_whole_checkpoint(const std::string& folder, const std::function<void(std::string_view)>& tell) {
  const std::vector<CheckpointFile> files = checkpoints_in(folder);
  for (const CheckpointFile& file : files) {
    try {
      verify_checkpoint(file.path);
      return file.path;
    } catch (const InputError& error) {
      tell(fmt::format("{}: passed over, trying the checkpoint before it", error.what()));
    }
  }
  if (files.empty()) throw InputError(folder, Issue{"", "holds no checkpoint (step-<number>.safetensors)"});
  throw InputError(folder,
                   Issue{"", fmt::format("none of its {} checkpoints is whole: there is nothing to resume from; "
                                         "choose another --checkpoint-dir to start anew",
                                         files.size())});
}

namespace {

// Names and values, each on a line of its own.
std::string lines_of(const Metadata& metadata) {
  std::string lines;
  for (const auto& [name, value] : metadata) lines.append(name).append("\n").append(value).append("\n");
  return lines;
}

Metadata metadata_in(const std::string& lines) {
  Metadata metadata;
  std::istringstream stream(lines);
  for (std::string name, value; std::getline(stream, name) && std::getline(stream, value);) {
    metadata.emplace(name, value);
  }
  return metadata;
}

// Rank 0 says whether it has a checkpoint, gives its values, then its step and the run's progress.
std::optional<RunState> resume_with_first(RankGroup& ranks, Executor& executor) {
  if (ranks.broadcast_text({}).empty()) return std::nullopt;
  receive_checkpoint(executor);
  RunState state{.step = std::stoll(ranks.broadcast_text({})), .settings = {}};
  state.progress = metadata_in(ranks.broadcast_text({}));
  return state;
}

}  // namespace

std::optional<RunState> resume(Executor& executor, const std::string& folder,
                               const std::function<void(std::string_view)>& tell) {
  RankGroup* ranks = executor.ranks();
  if (!executor.is_first()) return resume_with_first(*ranks, executor);
  const std::string path = checkpoints_in(folder).empty() ? "" : newest_whole_checkpoint(folder, tell);
  if (ranks != nullptr) static_cast<void>(ranks->broadcast_text(path));
  if (path.empty()) return std::nullopt;
  RunState state = load_checkpoint(executor, path);
  if (ranks != nullptr) {
    static_cast<void>(ranks->broadcast_text(std::to_string(state.step)));
    static_cast<void>(ranks->broadcast_text(lines_of(state.progress)));
  }
  return state;
}

}  // namespace mp::runtime
