// Partitioning a model: from the files to the plan and what is printed of it.
#pragma once

#include "apps/common/run_main.hpp"
#include "apps/mpplan/partition_options.hpp"

namespace mp::apps {

[[nodiscard]] ExitCode run_partition_model(const PartitionOptions& options);

}  // namespace mp::apps
