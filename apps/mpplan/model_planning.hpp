// What every way of planning a model starts from and ends with: flags to cluster and plan, placement to assignment.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "apps/mpplan/partition_options.hpp"
#include "lib/cluster/cluster.hpp"
#include "lib/costs/profile.hpp"
#include "lib/files/model_file.hpp"
#include "lib/plan/plan.hpp"
#include "lib/plan/prepare.hpp"

namespace mp::apps {

// Throws UsageError where the flags name no devices.
[[nodiscard]] Cluster cluster_of(const PartitionOptions& options);

// The cluster with the times of --profile, if given; tells on standard error what the profile lacks of the graph.
// Throws InputError as profile_gaps and profiled_cluster do.
[[nodiscard]] Cluster measured_cluster(const PartitionOptions& options, const TrainingGraph& training, Cluster cluster);

// Dimensions, optimizer and microbatches (one a replica where no flag says otherwise).
[[nodiscard]] StepShape step_shape_of(const PartitionOptions& options);

// The file that the plan is written to.
[[nodiscard]] std::string output_of(const PartitionOptions& options);

// A plan with all but assignment, algorithm and prediction.
[[nodiscard]] Plan plan_of(const PartitionOptions& options, const ModelFile& file, Cluster cluster,
                           const StepShape& shape);

// In the order of the model's file. `forward` is the model bound, or a graph that begins with it.
[[nodiscard]] std::vector<std::pair<std::string, DeviceId>> assignment_of(const Graph& forward, const Model& model,
                                                                          const Placement& placement);

}  // namespace mp::apps
