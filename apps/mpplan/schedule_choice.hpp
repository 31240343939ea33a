// --schedule auto, and what a plan does about memory: fewer microbatches alive.
#pragma once

#include "apps/mpplan/partition_options.hpp"
#include "lib/cluster/cluster.hpp"
#include "lib/graph/model.hpp"
#include "lib/plan/plan.hpp"

namespace mp::apps {

// For a plan that is complete and predicted on `cluster`, its own with measured times perhaps. With `--schedule auto`
// the plan takes the fastest schedule that fits the memory and says on stderr which were tried; where a device is
// overfull, fewer microbatches are kept alive, if that helps. Schedule, limit and prediction are then those of the
// program chosen.
void complete_schedule(const PartitionOptions& options, const Model& model, const Cluster& cluster, Plan& plan);

}  // namespace mp::apps
