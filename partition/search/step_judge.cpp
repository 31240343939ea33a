#include "partition/search/step_judge.hpp"

#include <algorithm>
#include <tuple>

#include "lib/plan/predict.hpp"
#include "lib/training/recompute.hpp"

namespace mp::partition {
namespace {

std::int64_t greatest_memory(const Prediction& prediction) {
  std::int64_t greatest = 0;
  for (const DevicePrediction& device : prediction.devices) greatest = std::max(greatest, device.memory_bytes);
  return greatest;
}

std::int64_t bytes_over(const Prediction& prediction, const Cluster& cluster) {
  std::int64_t over = 0;
  for (const DeviceId d : overfull_devices(prediction, cluster)) {
    over = std::max(over, prediction.devices[index(d)].memory_bytes - cluster.type_of(d).memory_bytes);
  }
  return over;
}

}  // namespace

bool same_settings(const StepPlan& a, const StepPlan& b) {
  return a.microbatches == b.microbatches && a.placement == b.placement && a.replicas == b.replicas &&
         a.zero == b.zero && a.recompute == b.recompute && a.alive_limit == b.alive_limit;
}

bool better(const JudgedPlan& a, const JudgedPlan& b) {
  const auto worth = [](const JudgedPlan& p) {
    return std::tuple(p.bytes_over, p.prediction.step_time_s, greatest_memory(p.prediction), p.plan.microbatches);
  };
  const auto worth_a = worth(a);
  const auto worth_b = worth(b);
  return worth_a != worth_b ? worth_a < worth_b : a.plan.algorithm < b.plan.algorithm;
}

const StepJudge::Work& StepJudge::work(std::int32_t microbatches) {
  const auto known = work_.find(microbatches);
  if (known != work_.end()) return known->second;
  StepShape shape = shape_;
  shape.microbatches = microbatches;
  TrainingGraph training = training_graph_of(model_, shape, source_);
  PlacementUnits units = placement_units(training);
  return work_.emplace(microbatches, Work{std::move(training), std::move(units)}).first->second;
}

CompileOptions StepJudge::compile_options(const StepPlan& plan) const {
  return {.schedule = plan.schedule,
          .alive_limit = plan.alive_limit,
          .devices = static_cast<std::int32_t>(cluster_.devices.size()),
          .cluster = &cluster_,
          .replicas = plan.replicas,
          .zero = plan.zero};
}

StepSample StepJudge::sample(const StepPlan& plan) {
  return sample_of(work(plan.microbatches).training, plan.placement, compile_options(plan));
}

std::int64_t StepJudge::instructions_of(const StepPlan& plan) {
  const StepSample part = sample(plan);
  const auto nodes = static_cast<std::int64_t>(work(plan.microbatches).training.graph.nodes().size());
  return nodes * (part.fewer > 0 ? part.fewer + part.more : part.microbatches);
}

JudgedPlan StepJudge::judge(const StepPlan& plan) {
  ++plans_judged_;
  const Work& made = work(plan.microbatches);
  const bool again = !plan.recompute.empty();
  const TrainingGraph remade = again ? recompute(made.training, plan.placement, plan.recompute) : TrainingGraph{};
  const PlacementUnits units = again ? placement_units(remade) : PlacementUnits{};
  const TrainingGraph& training = again ? remade : made.training;
  const CompileOptions options = compile_options(plan);
  SampledStep step = sample_step(training, again ? units : made.units, plan.placement, options, cluster_,
                                 sample_of(training, plan.placement, options));
  instructions_ += step.instructions;
  JudgedPlan judged{
      .plan = plan, .prediction = std::move(step.prediction), .bytes_over = 0, .sample = step.sample};
  judged.bytes_over = bytes_over(judged.prediction, cluster_);
  return judged;
}

}  // namespace mp::partition
