#include "apps/mpplan/partition_pipeline_command.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <string>
#include <utility>

#include "apps/common/table.hpp"
#include "apps/mpplan/interrupt.hpp"
#include "apps/mpplan/max_load_command.hpp"
#include "apps/mpplan/model_planning.hpp"
#include "apps/mpplan/report_fields.hpp"
#include "lib/base/error.hpp"
#include "lib/files/atomic_file.hpp"
#include "lib/files/json_writer.hpp"
#include "lib/files/plan_file.hpp"
#include "lib/plan/predict.hpp"
#include "lib/plan/prepare.hpp"
#include "lib/plan/stage_parts.hpp"
#include "partition/pipeline/model_pipeline.hpp"
#include "partition/pipeline/piper.hpp"

namespace mp::apps {
namespace {

using partition::PiperPlan;
using partition::PiperProblem;

constexpr std::string_view kPiper = "piper";
constexpr std::string_view kPipedream = "pipedream";
constexpr std::int64_t kMaxMicrobatches = 1'000'000;

struct Found {
  const PartitionOptions& options;
  const Plan& plan;
  const PiperPlan& pipeline;
  double seconds = 0.0;
};

// --microbatches, or the batch: a sample each.
std::int32_t microbatches_of(const PartitionOptions& options, const Bindings& bindings) {
  if (options.step.microbatches) return *options.step.microbatches;
  const auto batch = bindings.find(kBatchDimension);
  if (batch == bindings.end())
    throw UsageError("say how many microbatches a step has: --microbatches N, or --bind batch=N for one a sample");
  return static_cast<std::int32_t>(std::min(batch->second, kMaxMicrobatches));
}

[[noreturn]] void refuse(const PiperProblem& problem) {
  const std::optional<double> memory = partition::least_memory_bytes(problem);
  std::string remedy = "no memory would do: a node needs more devices at once than there are";
  if (memory)
    remedy =
        fmt::format("with {} each they would, or use more devices", bytes_text(static_cast<std::int64_t>(*memory)));
  throw InfeasibleError(
      fmt::format("nothing fits: the stages of no pipeline over {} devices of {} keep their memory; {}",
                  problem.devices, bytes_text(static_cast<std::int64_t>(problem.memory_bytes)), remedy));
}

// A program is compiled and simulated where there is one: every node that runs on several devices at once has a
// measured cost, every replica a microbatch; and where it is not so large that this takes longer than the plan.
void predict_step(Plan& plan, const ModelFile& file, const PartitionOptions& options) {
  constexpr std::size_t kMostRuns = 200'000;  // nodes × microbatches, and as many times devices over 100
  const std::size_t devices = std::max<std::size_t>(plan.cluster.devices.size(), 100) / 100;
  const std::size_t runs = plan.assignment.size() * static_cast<std::size_t>(plan.microbatches) * devices;
  const bool has_program = std::all_of(plan.stages.begin(), plan.stages.end(), [&](const PlanStage& stage) {
    return stage.data_parallel <= plan.microbatches;
  });
  if (!has_program || runs > kMostRuns) return;
  PrepareOptions prepare_options;
  prepare_options.model_source = options.input;
  const PreparedPlan prepared = prepare(plan, model_in_stage_parts(file.model, plan.stages), prepare_options);
  plan.predicted = predict(prepared.program, prepared.units, plan.cluster);
  plan.predicted->objective = kMaxLoadObjective;
}

std::string nodes_text(const PlanStage& stage) {
  std::string text;
  for (const PlanStage::Choice& choice : stage.choices)
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", choice.nodes.size(), choice.option);
  return text;
}

std::string report_text(const Found& found) {
  Table table({"stage", "devices", "data", "tensor", "in flight", "time", "memory", "nodes"});
  for (std::size_t s = 0; s < found.plan.stages.size(); ++s) {
    const PlanStage& stage = found.plan.stages[s];
    const std::int64_t devices = std::int64_t{stage.data_parallel} * stage.tensor_parallel;
    table.add({std::to_string(s + 1), count_text(devices), std::to_string(stage.data_parallel),
               std::to_string(stage.tensor_parallel), std::to_string(stage.in_flight_microbatches),
               seconds_text(stage.time_per_microbatch_s), bytes_text(stage.memory_bytes), nodes_text(stage)});
  }
  const std::string bound =
      found.pipeline.optimal ? "optimal" : fmt::format("lower bound {:.6g} s", found.pipeline.lower_bound_s);
  return fmt::format("{}, {}\n\n{}\n", heading_of(found.plan), found.plan.algorithm, table.text()) +
         fmt::format("slowest stage {:.6g} s per microbatch, {}{}\n", found.pipeline.time_s, bound,
                     found.plan.predicted
                         ? fmt::format("; predicted step {}", seconds_text(found.plan.predicted->step_time_s))
                         : "") +
         fmt::format("{} written in {}\n", output_of(found.options), seconds_text(found.seconds));
}

std::string report_json(const Found& found) {
  constexpr auto kInline = JsonWriter::Layout::kInline;
  JsonWriter writer;
  writer.begin_object().member("algorithm", found.plan.algorithm).member("seed", found.plan.seed);
  writer.member("seconds", found.seconds).key("objective").begin_object(kInline).member("name", kMaxLoadObjective);
  writer.member("value", found.pipeline.time_s).member("lower_bound", found.pipeline.lower_bound_s);
  writer.member("optimal", found.pipeline.optimal).end().member("unit", "seconds").member("feasible", true);
  if (found.plan.predicted) writer.member("step_time_s", found.plan.predicted->step_time_s);
  writer.member("plan", output_of(found.options)).key("stages").begin_array();
  for (const PlanStage& stage : found.plan.stages) {
    std::size_t nodes = 0;
    for (const PlanStage::Choice& choice : stage.choices) nodes += choice.nodes.size();
    writer.begin_object(kInline).member("nodes", nodes).member("data_parallel", stage.data_parallel);
    writer.member("tensor_parallel", stage.tensor_parallel);
    writer.member("in_flight_microbatches", stage.in_flight_microbatches);
    writer.member("time_per_microbatch_s", stage.time_per_microbatch_s);
    writer.member("memory_bytes", stage.memory_bytes).end();
  }
  writer.end().end();
  return std::move(writer).take();
}

}  // namespace

bool names_pipeline(const PartitionOptions& options) {
  return options.algorithm == kPiper || options.algorithm == kPipedream;
}

bool wants_pipeline(const PartitionOptions& options, const Model& model) {
  const bool is_named = names_pipeline(options);
  if (is_named && options.objective != kMaxLoadObjective)
    throw UsageError(fmt::format("--algorithm {} plans for --objective max-load alone", options.algorithm));
  const bool has_options = std::any_of(model.nodes.begin(), model.nodes.end(),
                                       [](const ModelNode& node) { return !node.parallel_options.empty(); });
  return is_named || (options.objective == kMaxLoadObjective && options.algorithm == "auto" && has_options);
}

ExitCode run_partition_pipeline(const PartitionOptions& options, const ModelFile& file, const Cluster& cluster) {
  const auto start = std::chrono::steady_clock::now();
  Plan plan = plan_of(options, file, cluster, step_shape_of(options));
  partition::PipelineSettings settings;
  if (options.algorithm == kPipedream) {
    settings.costs = partition::PipelineCosts::kPipedream;
    plan.algorithm = kPipedream;
    plan.microbatches = options.step.microbatches.value_or(plan.microbatches);
  } else {
    plan.algorithm = kPiper;
    plan.microbatches = microbatches_of(options, plan.bindings);
    settings.microbatches = plan.microbatches;
  }
  const PiperProblem problem = partition::pipeline_problem(file.model, cluster, settings, options.input);
  const std::optional<PiperPlan> found = partition::plan_piper(problem);
  if (!found) refuse(problem);
  partition::set_stages(plan, *found, problem, file.model);
  if (settings.costs == partition::PipelineCosts::kPipedream && !options.step.microbatches) {
    // As many as keep the first stage busy, and the largest group at least once round.
    for (const PlanStage& stage : plan.stages)
      plan.microbatches = std::max({plan.microbatches, stage.data_parallel, stage.in_flight_microbatches});
    if (!options.step.bindings().contains(kBatchDimension) && plan.bindings.contains(kBatchDimension))
      plan.bindings.insert_or_assign(std::string(kBatchDimension), plan.microbatches);
  }
  predict_step(plan, file, options);
  write_file_atomically(output_of(options), to_json(plan));
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  const Found report{.options = options, .plan = plan, .pipeline = *found, .seconds = seconds};
  fmt::print("{}", options.json ? report_json(report) : report_text(report));
  return end_of_search();
}

}  // namespace mp::apps
