#include "lib/plan/prepare.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "lib/base/error.hpp"
#include "lib/base/text.hpp"
#include "lib/graph/builder.hpp"
#include "lib/plan/check_plan.hpp"
#include "lib/program/compile_with_collectives.hpp"
#include "lib/training/mixed_precision.hpp"
#include "lib/training/recompute.hpp"

namespace mp {
namespace {

// The number of microbatches next to `wanted` that divides the batch.
std::int64_t nearest_divisor(std::int64_t batch, std::int64_t wanted) {
  if (wanted >= batch) return batch;
  for (std::int64_t away = 1; away < wanted; ++away) {
    if (batch % (wanted - away) == 0) return wanted - away;
    if (batch % (wanted + away) == 0) return wanted + away;
  }
  return 1;
}

Bindings all_dimensions(const Model& model, const Plan& plan, const PrepareOptions& options) {
  Bindings bindings = options.bindings;
  bindings.insert(plan.bindings.begin(), plan.bindings.end());
  bindings.insert(model.dimensions.begin(), model.dimensions.end());
  return bindings;
}

// The least number of microbatches that divides the batch and gives each of `replicas` one; 0: there is none.
std::int64_t microbatches_for(std::int64_t batch, std::int64_t replicas) {
  for (std::int64_t wanted = replicas; wanted <= batch; ++wanted) {
    if (batch % wanted == 0) return wanted;
  }
  return 0;
}

void check_replicas_work(const Plan& plan, const Placement& placement, const StepShape& shape) {
  std::int64_t largest = 1;
  for (const ReplicaGroup& group : plan.replicas) {
    const bool works = std::find(placement.begin(), placement.end(), group.front()) != placement.end();
    if (works) largest = std::max(largest, static_cast<std::int64_t>(group.size()));
  }
  if (shape.microbatches >= largest) return;
  const auto batch = shape.bindings.find(kBatchDimension);
  const std::int64_t enough = batch == shape.bindings.end() ? 0 : microbatches_for(batch->second, largest);
  throw UsageError(fmt::format("{} replicas need as many microbatches, and there {} {}; {}", largest,
                               shape.microbatches == 1 ? "is" : "are", shape.microbatches,
                               enough > 0 ? fmt::format("{} would do (--microbatches {})", enough, enough)
                                          : "use fewer replicas, or a larger batch"));
}

TrainingGraph with_recomputation(TrainingGraph training, const Placement& placement, const Plan& plan) {
  if (plan.recompute.empty()) return training;
  std::vector<NodeId> nodes;
  for (const std::string& name : plan.recompute) nodes.push_back(training.graph.find_node(name).value());
  return recompute(training, placement, nodes);
}

TrainingGraph differentiated(const Graph& forward, const StepShape& shape) {
  return differentiate(forward, {.optimizer = shape.optimizer, .microbatches = shape.microbatches});
}

}  // namespace

std::int64_t batch_of(const Model& model, const StepShape& shape) {
  const auto asked = shape.bindings.find(kBatchDimension);
  if (asked != shape.bindings.end()) return asked->second;
  const auto known = model.dimensions.find(kBatchDimension);
  return known != model.dimensions.end() ? known->second : 0;
}

Bindings microbatch_bindings(const Model& model, const StepShape& shape) {
  Bindings bindings = shape.bindings;
  if (shape.microbatches < 1) throw UsageError(fmt::format("{} microbatches; 1 is the least", shape.microbatches));
  if (shape.microbatches == 1) return bindings;
  const auto asked = bindings.find(kBatchDimension);
  const auto known = model.dimensions.find(kBatchDimension);
  if (asked == bindings.end() && known == model.dimensions.end()) {
    throw UsageError(fmt::format("{} microbatches divide the dimension '{}', which model {} does not have; use 1",
                                 shape.microbatches, kBatchDimension, quoted(model.name)));
  }
  const std::int64_t batch = asked != bindings.end() ? asked->second : known->second;
  if (batch < 1) return bindings;  // bind_model says what is wrong with it
  if (batch % shape.microbatches != 0 || batch < shape.microbatches) {
    throw UsageError(fmt::format("a batch of {} does not divide into {} microbatches; {} would do", batch,
                                 shape.microbatches, nearest_divisor(batch, shape.microbatches)));
  }
  bindings.insert_or_assign(std::string(kBatchDimension), batch / shape.microbatches);
  return bindings;
}

Graph microbatch_graph(const Model& model, const StepShape& shape, std::string_view source) {
  Graph graph = bind_model(model, microbatch_bindings(model, shape), source);
  return shape.precision == Precision::kFloat32 ? graph : mixed_precision(graph);
}

TrainingGraph training_graph_of(const Model& model, const StepShape& shape, std::string_view source) {
  return differentiated(microbatch_graph(model, shape, source), shape);
}

PreparedStep prepare_step(const Plan& plan, const Model& model, const PrepareOptions& options) {
  StepShape shape{.bindings = all_dimensions(model, plan, options),
                  .microbatches = options.microbatches.value_or(plan.microbatches),
                  .optimizer = options.optimizer.value_or(plan.optimizer),
                  .precision = options.precision.value_or(plan.precision)};
  const Graph forward = microbatch_graph(model, shape, options.model_source);
  Placement placement = check_plan(plan, forward, options.plan_source);
  check_replicas_work(plan, placement, shape);
  TrainingGraph training = with_recomputation(differentiated(forward, shape), placement, plan);
  PlacementUnits units = placement_units(training);
  return {.shape = std::move(shape),
          .training = std::move(training),
          .units = std::move(units),
          .placement = std::move(placement),
          .options = {.schedule = options.schedule.value_or(plan.schedule),
                      .alive_limit = plan.alive_limit,
                      .devices = static_cast<std::int32_t>(plan.cluster.devices.size()),
                      .cluster = &plan.cluster,
                      .replicas = plan.replicas,
                      .zero = plan.zero,
                      .bucket_bytes = plan.bucket_bytes,
                      .collectives = options.collectives}};
}

PreparedPlan prepare(const Plan& plan, const Model& model, const PrepareOptions& options) {
  PreparedStep step = prepare_step(plan, model, options);
  Program program = step.options.collectives
                        ? compile_with_collectives(step.training, step.placement, step.options).program
                        : compile(std::move(step.training), std::move(step.placement), step.options);
  return {.shape = std::move(step.shape), .units = std::move(step.units), .program = std::move(program)};
}

}  // namespace mp
