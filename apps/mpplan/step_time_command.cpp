#include "apps/mpplan/step_time_command.hpp"

#include <fmt/core.h>

#include <chrono>
#include <cstdio>
#include <utility>
#include <vector>

#include "apps/mpplan/interrupt.hpp"
#include "apps/mpplan/model_planning.hpp"
#include "apps/mpplan/split_flag.hpp"
#include "apps/mpplan/step_time_report.hpp"
#include "lib/base/error.hpp"
#include "lib/files/atomic_file.hpp"
#include "lib/files/plan_file.hpp"
#include "partition/search/split_search.hpp"

namespace mp::apps {
namespace {

void refuse_flags_of_balance(const PartitionOptions& options) {
  const char* flag = nullptr;
  if (options.imbalance) flag = "--imbalance";
  if (options.memory_imbalance) flag = "--memory-imbalance";
  if (options.acyclic) flag = "--acyclic";
  if (flag == nullptr) return;
  throw UsageError(
      fmt::format("{} is for the objectives that cut: with --objective step-time the work of the devices "
                  "is whatever makes the step short",
                  flag));
}

std::vector<Alternative> alternatives_of(const partition::StepSearch& found) {
  constexpr std::size_t kMost = 20;
  std::vector<Alternative> alternatives;
  for (const partition::JudgedPlan& judged : found.plans) {
    if (alternatives.size() == kMost) break;
    alternatives.push_back({.algorithm = judged.plan.algorithm,
                            .cut_bytes = judged.prediction.cut_bytes,
                            .communication_volume_bytes = judged.prediction.communication_volume_bytes,
                            .imbalance = judged.prediction.imbalance,
                            .feasible = judged.fits(),
                            .step_time_s = judged.prediction.step_time_s});
  }
  return alternatives;
}

void complete(Plan& plan, const partition::StepSearch& found, const Graph& graph, const Model& model) {
  const partition::JudgedPlan& chosen = found.plans.front();
  plan.assignment = assignment_of(graph, model, chosen.plan.placement);
  plan.replicas = chosen.plan.replicas;
  plan.zero = chosen.plan.zero;
  plan.alive_limit = chosen.plan.alive_limit;
  for (const NodeId n : chosen.plan.recompute) plan.recompute.push_back(graph.node(n).name);
  plan.schedule = chosen.plan.schedule;
  plan.microbatches = chosen.plan.microbatches;
  plan.algorithm = chosen.plan.algorithm;
  plan.predicted = chosen.prediction;
  plan.predicted->objective = kStepTimeObjective;
  plan.predicted->alternatives = alternatives_of(found);
}

// The splits to choose among: those asked for, or what may make the step shorter.
std::vector<partition::SplitCandidate> candidates_of(const PartitionOptions& options, const Model& model,
                                                     const StepShape& shape, const Cluster& cluster) {
  if (!splits_if_shorter(options)) return {{.splits = chosen_splits(options, model, cluster)}};
  return partition::splits_to_try(microbatch_graph(model, shape, options.input), cluster);
}

}  // namespace

ExitCode run_step_time(const PartitionOptions& options) {
  const auto start = std::chrono::steady_clock::now();
  refuse_flags_of_balance(options);
  const StepShape shape = step_shape_of(options);
  Cluster asked = cluster_of(options);
  const partition::StepSearchOptions search{
      .microbatches = options.step.microbatches,
      .schedule = options.step.chosen_schedule(),
      .space = {.replicas = true, .recompute = true, .most_zero = 3},
      .portfolio = portfolio_options(options),
      .progress = [](const std::string& line) { fmt::print(stderr, "mpplan: {}\n", line); }};
  const ModelFile file = read_model(options.input);
  const Cluster cluster =
      measured_cluster(options, training_graph_of(file.model, shape, options.input), std::move(asked));
  Plan plan = plan_of(options, file, without_measured_times(cluster), shape);
  const partition::SplitSearch searched = partition::search_splits(file.model, options.input, shape, cluster, search,
                                                                   candidates_of(options, file.model, shape, cluster));
  const partition::StepSearch& found = searched.found;
  plan.splits = searched.splits;
  StepShape chosen_shape = shape;
  chosen_shape.microbatches = found.plans.front().plan.microbatches;
  complete(plan, found, microbatch_graph(searched.model, chosen_shape, options.input), searched.model);
  write_file_atomically(output_of(options), to_json(plan));
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  const StepTimeReport report{.output = output_of(options),
                              .plan = plan,
                              .found = found,
                              .has_loss = !file.model.loss.empty(),
                              .seconds = seconds};
  fmt::print("{}", options.json ? step_time_json(report) : step_time_text(report));
  return end_of_search();
}

}  // namespace mp::apps
