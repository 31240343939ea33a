#include "apps/mpplan/model_planning.hpp"

#include <fmt/core.h>

#include <cstdio>

#include "lib/base/error.hpp"
#include "lib/files/cluster_file.hpp"
#include "lib/files/paths.hpp"
#include "lib/files/profile_file.hpp"

namespace mp::apps {
namespace {

// Every dimension the model names, as it is used.
Bindings all_bindings(const Model& model, const Bindings& given) {
  Bindings all = model.dimensions;
  for (const auto& [name, extent] : given) all.insert_or_assign(name, extent);
  return all;
}

}  // namespace

Cluster cluster_of(const PartitionOptions& options) {
  if (options.cluster) return read_cluster(*options.cluster);
  if (options.blocks) throw UsageError("--blocks is for .graph files: a model is placed on devices (--devices N)");
  if (!options.devices) throw UsageError("say over what to partition: --devices N or --cluster FILE");
  return uniform_cluster(*options.devices);
}

Cluster measured_cluster(const PartitionOptions& options, const TrainingGraph& training, Cluster cluster) {
  if (!options.profile) return cluster;
  const Profile profile = read_profile(*options.profile);
  const std::string gaps = profile_gaps(training, profile, *options.profile);
  if (!gaps.empty()) fmt::print(stderr, "{}\n", gaps);
  return profiled_cluster(cluster, profile);
}

StepShape step_shape_of(const PartitionOptions& options) {
  return {.bindings = options.step.bindings(),
          .microbatches = options.step.microbatches.value_or(options.replicas),
          .optimizer = options.step.chosen_optimizer().value_or(Optimizer{}),
          .precision = options.step.chosen_precision().value_or(Precision::kFloat32)};
}

std::string output_of(const PartitionOptions& options) { return options.output.value_or("plan.json"); }

Plan plan_of(const PartitionOptions& options, const ModelFile& file, Cluster cluster, const StepShape& shape) {
  Plan plan;
  plan.model_path = path_for_file(output_of(options), options.input);
  plan.model_sha256 = file.sha256;
  plan.model_name = file.model.name;
  plan.bindings = all_bindings(file.model, shape.bindings);
  plan.cluster = std::move(cluster);
  plan.schedule = options.step.chosen_schedule().value_or(Schedule::k1f1b);
  plan.microbatches = shape.microbatches;
  plan.optimizer = shape.optimizer;
  plan.precision = shape.precision;
  plan.seed = options.seed;
  return plan;
}

std::vector<std::pair<std::string, DeviceId>> assignment_of(const Graph& forward, const Model& model,
                                                            const Placement& placement) {
  std::vector<std::pair<std::string, DeviceId>> assignment;
  assignment.reserve(model.nodes.size());
  for (const ModelNode& node : model.nodes) {
    assignment.emplace_back(node.name, placement[forward.find_node(node.name).value()]);
  }
  return assignment;
}

}  // namespace mp::apps
