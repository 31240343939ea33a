#include "apps/mpplan/parallelism.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "lib/base/error.hpp"
#include "lib/plan/check_plan.hpp"
#include "lib/plan/predict.hpp"
#include "lib/training/mixed_precision.hpp"
#include "lib/training/recompute_choice.hpp"

namespace mp::apps {
namespace {

constexpr std::string_view kAuto = "auto";

std::vector<ReplicaGroup> groups_of(std::int32_t replicas, std::size_t devices) {
  std::vector<ReplicaGroup> groups;
  const std::size_t part = devices / static_cast<std::size_t>(replicas);
  for (std::size_t leader = 0; replicas > 1 && leader < part; ++leader) {
    ReplicaGroup& group = groups.emplace_back();
    for (std::size_t d = leader; d < devices; d += part) group.push_back(make_id<DeviceId>(d));
  }
  return groups;
}

std::vector<RecomputePattern> patterns_to_try(const std::string& name) {
  if (name == kAuto) return {RecomputePattern::kNone, RecomputePattern::kBlocks, RecomputePattern::kAll};
  const std::optional<RecomputePattern> pattern = find_recompute_pattern(name);
  if (!pattern) throw UsageError(fmt::format("--recompute {}: there are none, blocks, all, auto", name));
  return {*pattern};
}

std::int64_t bytes_over(const Plan& plan) {
  std::int64_t over = 0;
  for (const DeviceId d : overfull_devices(*plan.predicted, plan.cluster)) {
    over += plan.predicted->devices[index(d)].memory_bytes - plan.cluster.type_of(d).memory_bytes;
  }
  return over;
}

Plan with_pattern(Plan plan, RecomputePattern pattern, const Model& model, const Cluster& cluster,
                  const std::string& source) {
  if (pattern != RecomputePattern::kNone) {
    const StepShape shape{.bindings = plan.bindings,
                          .microbatches = plan.microbatches,
                          .optimizer = plan.optimizer,
                          .precision = plan.precision};
    const TrainingGraph training = training_graph_of(model, shape, source);
    const Placement placement = check_plan(plan, microbatch_graph(model, shape, source), "<plan>");
    for (const NodeId n : nodes_to_recompute(training, placement, pattern)) {
      if (!is_inserted_cast(training.graph.node(n))) plan.recompute.push_back(training.graph.node(n).name);
    }
  }
  PrepareOptions options;
  options.model_source = source;
  const PreparedPlan prepared = prepare(plan, model, options);
  plan.predicted = predict(prepared.program, prepared.units, cluster);
  return plan;
}

}  // namespace

Cluster cluster_of_replica(const PartitionOptions& options, const Cluster& cluster) {
  const std::size_t devices = cluster.devices.size();
  const auto replicas = static_cast<std::size_t>(options.replicas);
  if (devices % replicas != 0) {
    throw UsageError(fmt::format("--replicas {}: {} devices do not divide into {} parts", replicas, devices, replicas));
  }
  if (replicas == 1 && (options.zero > 0 || options.bucket_bytes)) {
    throw UsageError(fmt::format("{} is for replicas, and there is one: say --replicas N, too",
                                 options.zero > 0 ? "--zero" : "--bucket-bytes"));
  }
  Cluster part = cluster;
  // What is sharded or made again is not in the partitioner's estimate: the compiled program tells whether it fits.
  if (options.zero > 0 || options.recompute != name_of(RecomputePattern::kNone)) {
    for (DeviceType& type : part.types) type.memory_bytes = 0;
  }
  part.devices.resize(devices / replicas);
  if (!cluster.matrix.empty()) {
    part.matrix.clear();
    for (std::size_t from = 0; from < part.devices.size(); ++from) {
      for (std::size_t to = 0; to < part.devices.size(); ++to)
        part.matrix.push_back(cluster.matrix[from * devices + to]);
    }
  }
  return part;
}

void refuse_parallelism_flags(const PartitionOptions& options, std::string_view instead) {
  const char* flag = nullptr;
  if (options.replicas != 1) flag = "--replicas";
  if (options.zero != 0) flag = "--zero";
  if (options.bucket_bytes) flag = "--bucket-bytes";
  if (options.recompute != name_of(RecomputePattern::kNone)) flag = "--recompute";
  if (flag != nullptr)
    throw UsageError(fmt::format("{} goes with objectives that place one replica: {}", flag, instead));
}

void complete_parallelism(const PartitionOptions& options, const Model& model, const Cluster& cluster, Plan& plan) {
  plan.replicas = groups_of(options.replicas, plan.cluster.devices.size());
  plan.zero = options.zero;
  plan.bucket_bytes = options.bucket_bytes.value_or(kDefaultBucketBytes);
  std::optional<Plan> best;
  for (const RecomputePattern pattern : patterns_to_try(options.recompute)) {
    Plan tried = with_pattern(plan, pattern, model, cluster, options.input);
    if (!best || bytes_over(tried) < bytes_over(*best)) best = std::move(tried);
    if (bytes_over(*best) == 0) break;
  }
  plan = *std::move(best);
}

}  // namespace mp::apps
