#include "apps/mprun/weights_flag.hpp"

#include <fmt/core.h>

#include <filesystem>
#include <string_view>
#include <system_error>

#include "runtime/checkpoint/checkpoint_folder.hpp"

namespace mp::apps {

void add_weights_flag(CLI::App& command, std::string& weights) {
  command
      .add_option(
          "--weights", weights,
          "Weights of the model: a safetensors file, as --save writes it, or a folder of checkpoints (the newest)")
      ->required()
      ->type_name("FILE_OR_FOLDER");
}

std::string find_weights(const std::string& file_or_folder) {
  std::error_code error;
  if (!std::filesystem::is_directory(file_or_folder, error)) return file_or_folder;
  const auto tell = [](std::string_view message) { fmt::print(stderr, "{}\n", message); };
  std::string file = runtime::newest_whole_checkpoint(file_or_folder, tell);
  tell("weights of " + file);
  return file;
}

}  // namespace mp::apps
