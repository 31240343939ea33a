#include "apps/mpplan/partition_model_command.hpp"

#include <fmt/core.h>

#include <chrono>
#include <cstdio>
#include <optional>
#include <utility>
#include <vector>

#include "apps/common/table.hpp"
#include "apps/mpplan/partition_report.hpp"
#include "lib/base/error.hpp"
#include "lib/files/atomic_file.hpp"
#include "lib/files/cluster_file.hpp"
#include "lib/files/model_file.hpp"
#include "lib/files/paths.hpp"
#include "lib/files/plan_file.hpp"
#include "lib/plan/predict.hpp"
#include "lib/plan/prepare.hpp"
#include "partition/model/model_graph.hpp"
#include "partition/model/partition_model.hpp"

namespace mp::apps {
namespace {

Cluster cluster_of(const PartitionOptions& options) {
  if (options.cluster) return read_cluster(*options.cluster);
  if (options.blocks) throw UsageError("--blocks is for .graph files: a model is placed on devices (--devices N)");
  if (!options.devices) throw UsageError("say over what to partition: --devices N or --cluster FILE");
  return uniform_cluster(*options.devices);
}

// Every dimension the model names, as it is used.
Bindings all_bindings(const Model& model, const Bindings& given) {
  Bindings all = model.dimensions;
  for (const auto& [name, extent] : given) all.insert_or_assign(name, extent);
  return all;
}

std::vector<std::pair<std::string, DeviceId>> assignment_of(const TrainingGraph& training, const Model& model,
                                                            const Placement& placement) {
  std::vector<std::pair<std::string, DeviceId>> assignment;
  for (const ModelNode& node : model.nodes) {
    assignment.emplace_back(node.name, placement[training.graph.find_node(node.name).value()]);
  }
  return assignment;
}

// The memory of the compiled program counts more than the partitioner's estimate did: microbatches in flight, receives.
void require_memory(const Plan& plan) {
  const std::vector<DeviceId> overfull = overfull_devices(*plan.predicted, plan.cluster);
  if (overfull.empty()) return;
  const DeviceId device = overfull.front();
  throw InfeasibleError(fmt::format(
      "the plan needs {} on {}, which has {}: use more devices, a smaller batch (--bind batch=…) or more microbatches "
      "(--microbatches)",
      bytes_text(plan.predicted->devices[index(device)].memory_bytes), plan.cluster.devices[device].name,
      bytes_text(plan.cluster.type_of(device).memory_bytes)));
}

std::vector<Alternative> alternatives_of(const partition::ModelPartition& found) {
  std::vector<Alternative> alternatives;
  for (const partition::PlacementCandidate& candidate : found.candidates) {
    alternatives.push_back({.algorithm = candidate.found.algorithm,
                            .cut_bytes = candidate.traffic.cut,
                            .communication_volume_bytes = candidate.traffic.communication_volume,
                            .imbalance = {.compute = candidate.found.imbalance[partition::kComputeConstraint],
                                          .memory = candidate.found.imbalance[partition::kMemoryConstraint]},
                            .feasible = candidate.found.feasible,
                            .step_time_s = std::nullopt});
  }
  return alternatives;
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
  plan.seed = options.seed;
  return plan;
}

}  // namespace

ExitCode run_partition_model(const PartitionOptions& options) {
  const auto start = std::chrono::steady_clock::now();
  const std::optional<partition::ModelObjective> objective = partition::find_objective(options.objective);
  if (!objective) throw UsageError(fmt::format("--objective {}: there are cut, volume, mapping", options.objective));
  partition::ModelPartitionOptions search{
      .portfolio = portfolio_options(options), .objective = *objective, .acyclic = options.acyclic};
  if (options.imbalance) search.imbalance = parse_percent(*options.imbalance);
  if (options.memory_imbalance) search.memory_imbalance = parse_percent(*options.memory_imbalance);
  const StepShape shape{.bindings = options.step.bindings(),
                        .microbatches = options.step.microbatches.value_or(1),
                        .optimizer = options.step.chosen_optimizer().value_or(Optimizer{})};
  Cluster cluster = cluster_of(options);
  const ModelFile file = read_model(options.input);
  Plan plan = plan_of(options, file, std::move(cluster), shape);
  TrainingGraph training = training_graph_of(file.model, shape, options.input);
  const PlacementUnits units = placement_units(training);
  const partition::ModelPartition found = partition::partition_model(training, units, plan.cluster, search);
  const partition::PlacementCandidate& chosen = found.candidates[found.chosen];
  plan.assignment = assignment_of(training, file.model, chosen.placement);
  plan.algorithm = chosen.found.algorithm;
  const Program program = compile(std::move(training), chosen.placement,
                                  {.schedule = plan.schedule,
                                   .devices = static_cast<std::int32_t>(plan.cluster.devices.size()),
                                   .cluster = &plan.cluster});
  plan.predicted = predict(program, units, plan.cluster);
  plan.predicted->objective = options.objective;
  plan.predicted->alternatives = alternatives_of(found);
  require_memory(plan);
  write_file_atomically(output_of(options), to_json(plan));
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  const PartitionReport report{
      .options = options, .output = output_of(options), .plan = plan, .found = found, .seconds = seconds};
  fmt::print("{}", options.json ? report_json(report) : report_text(report));
  return ExitCode::kGood;
}

}  // namespace mp::apps
