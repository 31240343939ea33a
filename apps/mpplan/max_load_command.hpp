// mpplan partition --objective max-load: the busiest device has the least to do, transfers counted.
#pragma once

#include <string_view>

#include "apps/common/run_main.hpp"
#include "apps/mpplan/partition_options.hpp"

namespace mp::apps {

inline constexpr std::string_view kMaxLoadObjective = "max-load";

[[nodiscard]] ExitCode run_max_load(const PartitionOptions& options);

}  // namespace mp::apps
