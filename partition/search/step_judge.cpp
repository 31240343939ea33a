#include "partition/search/step_judge.hpp"

#include <algorithm>
#include <tuple>
#include <utility>

#include "lib/plan/predict.hpp"

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

JudgedPlan StepJudge::judge(const StepPlan& plan) {
  const Work& made = work(plan.microbatches);
  const Program program = compile(made.training, plan.placement,
                                  {.schedule = plan.schedule,
                                   .devices = static_cast<std::int32_t>(cluster_.devices.size()),
                                   .cluster = &cluster_,
                                   .replicas = plan.replicas,
                                   .zero = plan.zero});
  ++plans_judged_;
  for (const DeviceProgram& device : program.devices) {
    instructions_ += static_cast<std::int64_t>(device.instructions.size());
  }
  JudgedPlan judged{.plan = plan, .prediction = predict(program, made.units, cluster_), .bytes_over = 0};
  judged.bytes_over = bytes_over(judged.prediction, cluster_);
  return judged;
}

}  // namespace mp::partition
