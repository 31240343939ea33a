// mpplan partition --objective step-time: the plan with the shortest simulated step.
#pragma once

#include <string_view>

#include "apps/common/run_main.hpp"
#include "apps/mpplan/partition_options.hpp"

namespace mp::apps {

inline constexpr std::string_view kStepTimeObjective = "step-time";

[[nodiscard]] ExitCode run_step_time(const PartitionOptions& options);

}  // namespace mp::apps
