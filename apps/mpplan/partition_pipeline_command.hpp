// mpplan partition --objective max-load --algorithm piper|pipedream: stages with replicas, from measured costs.
#pragma once

#include "apps/common/run_main.hpp"
#include "apps/mpplan/partition_options.hpp"
#include "lib/cluster/cluster.hpp"
#include "lib/files/model_file.hpp"

namespace mp::apps {

// "--algorithm piper" or "pipedream".
[[nodiscard]] bool names_pipeline(const PartitionOptions& options);

// Whether the pipeline planners are asked for: by name, or by a model that has parallel options under max-load.
[[nodiscard]] bool wants_pipeline(const PartitionOptions& options, const Model& model);

// Throws InfeasibleError with the smallest change that would fit where nothing does.
[[nodiscard]] ExitCode run_partition_pipeline(const PartitionOptions& options, const ModelFile& file,
                                              const Cluster& cluster);

}  // namespace mp::apps
