// --weights of the commands that answer with a trained model.
#pragma once

#include <string>

#include "apps/common/command_line.hpp"

namespace mp::apps {

void add_weights_flag(CLI::App& command, std::string& weights);

// The file that is meant: of a folder of checkpoints the newest that is whole, which is told on standard error. Throws
// InputError.
[[nodiscard]] std::string find_weights(const std::string& file_or_folder);

}  // namespace mp::apps
