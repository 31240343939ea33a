// The flags of mpplan partition that share one placement's work over replicas, shard its state and make activations
// again.
#pragma once

#include <string>
#include <string_view>

#include "apps/mpplan/partition_options.hpp"
#include "lib/cluster/cluster.hpp"
#include "lib/files/model_file.hpp"
#include "lib/plan/plan.hpp"
#include "lib/plan/prepare.hpp"

namespace mp::apps {

// The devices that one replica is placed on: the first of the cluster's `--replicas`-th parts, which follow each other.
// Their memory is not limited where ZeRO or recomputation change what is needed. Throws UsageError where the devices do
// not divide.
[[nodiscard]] Cluster cluster_of_replica(const PartitionOptions& options, const Cluster& cluster);

// Throws UsageError if one of the flags was given. `instead`: "with --objective step-time they are chosen", say.
void refuse_parallelism_flags(const PartitionOptions& options, std::string_view instead);

// Completes a plan whose placement is on the devices of one replica: groups, ZeRO, nodes to recompute and the
// prediction on `cluster`, the plan's with measured times. `--recompute auto` takes the first of none, blocks, all that
// fits into the memory, else the smallest.
void complete_parallelism(const PartitionOptions& options, const Model& model, const Cluster& cluster, Plan& plan);

}  // namespace mp::apps
