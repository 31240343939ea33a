#include "apps/mpplan/partition_model_command.hpp"

#include <fmt/core.h>
#include <fmt/ranges.h>

#include <chrono>
#include <cstdio>
#include <optional>
#include <utility>
#include <vector>

#include "apps/common/table.hpp"
#include "apps/mpplan/fitting_changes.hpp"
#include "apps/mpplan/interrupt.hpp"
#include "apps/mpplan/max_load_command.hpp"
#include "apps/mpplan/model_planning.hpp"
#include "apps/mpplan/parallelism.hpp"
#include "apps/mpplan/partition_pipeline_command.hpp"
#include "apps/mpplan/partition_report.hpp"
#include "apps/mpplan/schedule_choice.hpp"
#include "apps/mpplan/split_flag.hpp"
#include "apps/mpplan/step_time_command.hpp"
#include "lib/base/error.hpp"
#include "lib/files/atomic_file.hpp"
#include "lib/files/model_file.hpp"
#include "lib/files/plan_file.hpp"
#include "lib/graph/split_nodes.hpp"
#include "lib/plan/predict.hpp"
#include "lib/plan/prepare.hpp"
#include "partition/model/model_graph.hpp"
#include "partition/model/partition_model.hpp"

namespace mp::apps {
namespace {

// The memory of the compiled program counts more than the partitioner's estimate did: microbatches in flight, receives.
void require_memory(const Plan& plan) {
  const std::vector<DeviceId> overfull = overfull_devices(*plan.predicted, plan.cluster);
  if (overfull.empty()) return;
  const DeviceId device = overfull.front();
  throw InfeasibleError(fmt::format(
      "the plan needs {} on {}, which has {}", bytes_text(plan.predicted->devices[index(device)].memory_bytes),
      plan.cluster.devices[device].name, bytes_text(plan.cluster.type_of(device).memory_bytes)));
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

struct Planned {
  Plan plan;
  partition::ModelPartition found;
};

// Throws InfeasibleError where the plan does not fit.
Planned planned(const PartitionOptions& options, const ModelFile& file, const Cluster& asked) {
  partition::ModelPartitionOptions search{.portfolio = portfolio_options(options),
                                          .objective = *partition::find_objective(options.objective),
                                          .acyclic = options.acyclic};
  if (options.imbalance) search.imbalance = parse_percent("--imbalance", *options.imbalance);
  if (options.memory_imbalance)
    search.memory_imbalance = parse_percent("--memory-imbalance", *options.memory_imbalance);
  const StepShape shape = step_shape_of(options);
  const TrainingGraph training = training_graph_of(file.model, shape, options.input);
  const Cluster cluster = measured_cluster(options, training, asked);
  Plan plan = plan_of(options, file, without_measured_times(cluster), shape);
  const PlacementUnits units = placement_units(training);
  partition::ModelPartition found =
      partition::partition_model(training, units, cluster_of_replica(options, cluster), search);
  const partition::PlacementCandidate& chosen = found.candidates[found.chosen];
  plan.assignment = assignment_of(training.graph, file.model, chosen.placement);
  plan.algorithm = chosen.found.algorithm;
  complete_parallelism(options, file.model, cluster, plan);
  complete_schedule(options, file.model, cluster, plan);
  plan.predicted->objective = options.objective;
  plan.predicted->alternatives = alternatives_of(found);
  require_memory(plan);
  return {std::move(plan), std::move(found)};
}

Planned planned_or_what_would_fit(const PartitionOptions& options, const ModelFile& file, const Cluster& asked) {
  try {
    return planned(options, file, asked);
  } catch (const InfeasibleError& error) {
    if (interrupted()) throw;
    fmt::print(stderr, "mpplan: looking for the smallest change that fits\n");
    const FitsWith fits = [&](const PartitionOptions& changed, const Cluster& cluster) {
      try {
        static_cast<void>(planned(changed, file, cluster));
        return true;
      } catch (const InfeasibleError&) {
        return false;
      }
    };
    const std::vector<std::string> changes = changes_that_fit(options, file.model, asked, fits);
    if (changes.empty()) throw;
    throw InfeasibleError(fmt::format("{}. What would fit: {}", error.what(), fmt::join(changes, "; or ")));
  }
}

}  // namespace

ExitCode run_partition_model(const PartitionOptions& options) {
  if (options.objective == kMaxLoadObjective || names_pipeline(options)) {
    refuse_parallelism_flags(options, "this one says itself how devices share the work");
    refuse_split_flag(options, "this one places nodes as they are (mpplan split writes a model in parts)");
    const ModelFile file = read_model(options.input);
    if (wants_pipeline(options, file.model)) return run_partition_pipeline(options, file, cluster_of(options));
    return run_max_load(options);
  }
  if (options.contiguous) throw UsageError("--contiguous is for --objective max-load; for cuts say --acyclic");
  if (options.objective == kStepTimeObjective) {
    refuse_parallelism_flags(options, "with --objective step-time the search chooses");
    return run_step_time(options);
  }
  const auto start = std::chrono::steady_clock::now();
  if (!partition::find_objective(options.objective)) {
    throw UsageError(
        fmt::format("--objective {}: there are cut, volume, mapping, step-time, max-load", options.objective));
  }
  const Cluster asked = cluster_of(options);
  static_cast<void>(cluster_of_replica(options, asked));  // wrong flags are told before the model is read
  ModelFile file = read_model(options.input);
  const std::vector<NodeSplit> splits = chosen_splits(options, file.model, cluster_of_replica(options, asked));
  file.model = model_in_parts(file.model, splits, options.input, options.step.bindings());
  auto [plan, found] = planned_or_what_would_fit(options, file, asked);
  plan.splits = splits;
  write_file_atomically(output_of(options), to_json(plan));
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  const PartitionReport report{.options = options,
                               .output = output_of(options),
                               .plan = plan,
                               .found = found,
                               .has_loss = !file.model.loss.empty(),
                               .seconds = seconds};
  fmt::print("{}", options.json ? report_json(report) : report_text(report));
  return end_of_search();
}

}  // namespace mp::apps
