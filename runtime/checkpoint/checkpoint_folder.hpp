// The checkpoints of one run: files step-<number>.safetensors in a folder.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/checkpoint/checkpoint_file.hpp"

namespace mp::runtime {

struct CheckpointFile {
  std::int64_t step = 0;
  std::string path;
  friend bool operator==(const CheckpointFile&, const CheckpointFile&) = default;
};

[[nodiscard]] std::string checkpoint_path(const std::string& folder, std::int64_t step);

// Those in the folder, the newest first; none where there is no folder. Throws InputError where it cannot be read.
[[nodiscard]] std::vector<CheckpointFile> checkpoints_in(const std::string& folder);

// Makes the folder (its parent must be there) and checks that it can be written to. Throws RunError.
void make_checkpoint_folder(const std::string& folder);

// Removes all but the newest `keep`, and what writers that were killed have left behind.
void remove_old_checkpoints(const std::string& folder, std::int64_t keep);

// The newest checkpoint that is whole, like resume(). Throws InputError where there is none.
[[nodiscard]] std::string newest_whole_checkpoint(const std::string& folder,
                                                  const std::function<void(std::string_view)>& tell);

// Takes up the newest checkpoint that is whole: `tell` hears of each newer one that is not, and why. Nothing where the
// folder has none. Throws InputError where all of them are broken, or where one is whole but of another model. Of
// ranks, rank 0 reads the folder; the others get no settings.
[[nodiscard]] std::optional<RunState> resume(Executor& executor, const std::string& folder,
                                             const std::function<void(std::string_view)>& tell);

}  // namespace mp::runtime
