#include "apps/mpplan/max_load_command.hpp"

#include <fmt/core.h>

#include <chrono>
#include <cstdio>
#include <utility>

#include "apps/mpplan/interrupt.hpp"
#include "apps/mpplan/max_load_report.hpp"
#include "apps/mpplan/model_planning.hpp"
#include "lib/base/error.hpp"
#include "lib/base/quantities.hpp"
#include "lib/files/atomic_file.hpp"
#include "lib/files/plan_file.hpp"
#include "lib/plan/predict.hpp"
#include "lib/program/program.hpp"
#include "partition/max_load/max_load_search.hpp"

namespace mp::apps {
namespace {

void refuse_flags_of_cuts(const PartitionOptions& options) {
  const char* flag = nullptr;
  if (options.imbalance) flag = "--imbalance";
  if (options.memory_imbalance) flag = "--memory-imbalance";
  if (options.algorithm != "auto") flag = "--algorithm";
  if (options.refine) flag = "--refine";
  if (flag != nullptr) {
    throw UsageError(fmt::format("{} is for the objectives that cut, not for --objective max-load", flag));
  }
  if (options.acyclic) throw UsageError("--acyclic is for cuts: with --objective max-load say --contiguous");
}

std::int64_t annealing_steps(partition::Effort effort) {
  constexpr std::int64_t kMillion = 1'000'000;
  switch (effort) {
    case partition::Effort::kFast:
      return 10 * kMillion;
    case partition::Effort::kDefault:
      return 60 * kMillion;
    case partition::Effort::kHigh:
      return 240 * kMillion;
    case partition::Effort::kBest:
      return 1000 * kMillion;
  }
  return 0;
}

// A graph of measured nodes keeps what the measurements say; of others the compiled program knows better than the
// search did.
void require_memory(const Plan& plan, const Model& model) {
  if (model.loss.empty()) return;
  const std::vector<DeviceId> overfull = overfull_devices(*plan.predicted, plan.cluster);
  if (overfull.empty()) return;
  const DeviceId device = overfull.front();
  throw InfeasibleError(fmt::format(
      "the plan needs {} on {}, which has {}: use more devices, a smaller batch (--bind batch=…) or more microbatches "
      "(--microbatches)",
      bytes_text(plan.predicted->devices[index(device)].memory_bytes), plan.cluster.devices[device].name,
      bytes_text(plan.cluster.type_of(device).memory_bytes)));
}

void complete(Plan& plan, const partition::MaxLoadSearch& found) {
  plan.algorithm = found.candidates[found.chosen].algorithm;
  plan.predicted->objective = kMaxLoadObjective;
  for (const partition::LoadCandidate& candidate : found.candidates) {
    plan.predicted->alternatives.push_back({.algorithm = candidate.algorithm,
                                            .cut_bytes = candidate.traffic.cut,
                                            .communication_volume_bytes = candidate.traffic.communication_volume,
                                            .imbalance = imbalance_of(candidate),
                                            .feasible = true,
                                            .step_time_s = std::nullopt});
  }
}

}  // namespace

ExitCode run_max_load(const PartitionOptions& options) {
  const auto start = std::chrono::steady_clock::now();
  refuse_flags_of_cuts(options);
  partition::Effort effort = portfolio_options(options).effort;
  if (options.time_limit_s && effort == partition::Effort::kDefault) effort = partition::Effort::kBest;
  const partition::MaxLoadOptions search{
      .contiguous = options.contiguous,
      .seed = options.seed,
      .steps = annealing_steps(effort),
      .time_limit_s = options.time_limit_s,
      .stop = &interrupted(),
      .progress = [](const std::string& line) { fmt::print(stderr, "mpplan: {}\n", line); }};
  const StepShape shape = step_shape_of(options);
  Cluster cluster = cluster_of(options);
  const ModelFile file = read_model(options.input);
  Plan plan = plan_of(options, file, std::move(cluster), shape);
  TrainingGraph training = training_graph_of(file.model, shape, options.input);
  const PlacementUnits units = placement_units(training);
  const partition::MaxLoadSearch found = partition::search_max_load(training, units, plan.cluster, search);
  const Placement& placement = found.candidates[found.chosen].placement;
  plan.assignment = assignment_of(training.graph, file.model, placement);
  const Program program = compile(std::move(training), placement,
                                  {.schedule = plan.schedule,
                                   .devices = static_cast<std::int32_t>(plan.cluster.devices.size()),
                                   .cluster = &plan.cluster});
  plan.predicted = predict(program, units, plan.cluster);
  complete(plan, found);
  require_memory(plan, file.model);
  write_file_atomically(output_of(options), to_json(plan));
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  const MaxLoadReport report{
      .options = options, .output = output_of(options), .plan = plan, .found = found, .seconds = seconds};
  fmt::print("{}", options.json ? max_load_json(report) : max_load_text(report));
  return end_of_search();
}

}  // namespace mp::apps
