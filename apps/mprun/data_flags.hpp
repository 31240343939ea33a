// --data: where training data comes from.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "apps/common/command_line.hpp"
#include "lib/plan/data_sources.hpp"

namespace mp::apps {

void add_data_flag(CLI::App& command, std::vector<std::string>& data, const std::string& group);

// Puts what the flags say in place of what a recipe says. Throws UsageError.
void apply_data_flags(const std::vector<std::string>& data, DataSources& sources);

// "NAME=VALUE", both of them not empty. Throws UsageError with the example.
[[nodiscard]] std::pair<std::string, std::string> split_flag(std::string_view flag, const std::string& text,
                                                             std::string_view example);

}  // namespace mp::apps
