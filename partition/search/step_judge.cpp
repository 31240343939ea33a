#include "partition/search/step_judge.hpp"

#include <algorithm>
#include <set>
#include <tuple>

#include "lib/base/check.hpp"
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

// Of all groups, one device alone being a group of one; 0 where they differ.
std::int32_t common_size(const StepPlan& plan) {
  if (plan.replicas.empty()) return 1;
  const std::size_t size = plan.replicas.front().size();
  std::set<DeviceId> leaders;
  for (const ReplicaGroup& group : plan.replicas) {
    if (group.size() != size) return 0;
    leaders.insert(group.front());
  }
  const bool all_lead =
      std::all_of(plan.placement.begin(), plan.placement.end(), [&](DeviceId d) { return leaders.contains(d); });
  return all_lead || size == 1 ? static_cast<std::int32_t>(size) : 0;
}

std::int64_t bytes_of(const Graph& graph, TensorId tensor) { return bytes(graph.tensor(tensor).type); }

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

const StepJudge::Work& StepJudge::work(std::int32_t microbatches) { return work(microbatches, 1); }

const StepJudge::Work& StepJudge::work(std::int32_t microbatches, std::int32_t replicas) {
  const auto known = work_.find({microbatches, replicas});
  if (known != work_.end()) return known->second;
  StepShape shape = shape_;
  shape.microbatches = (microbatches + replicas - 1) / replicas;
  if (replicas > 1) {
    const auto asked = shape.bindings.find(kBatchDimension);
    const std::int64_t batch = asked != shape.bindings.end() ? asked->second : model_.dimensions.at("batch");
    shape.bindings.insert_or_assign(std::string(kBatchDimension), batch / microbatches * shape.microbatches);
  }
  TrainingGraph training = training_graph_of(model_, shape, source_);
  PlacementUnits units = placement_units(training);
  return work_.emplace(std::pair(microbatches, replicas), Work{std::move(training), std::move(units)}).first->second;
}

std::int64_t StepJudge::instructions_of(const StepPlan& plan) {
  const std::int64_t replicas = simulates_one_replica(plan) ? common_size(plan) : 1;
  const auto nodes = static_cast<std::int64_t>(work(plan.microbatches).training.graph.nodes().size());
  return nodes * ((plan.microbatches + replicas - 1) / replicas);
}

bool StepJudge::simulates_one_replica(const StepPlan& plan) {
  const auto nodes = static_cast<std::int64_t>(work(plan.microbatches).training.graph.nodes().size());
  return common_size(plan) > 1 && nodes * plan.microbatches > kMostInstructions;
}

Prediction StepJudge::predict_program(const StepPlan& plan, const Work& made) {
  const bool again = !plan.recompute.empty();
  TrainingGraph training = again ? recompute(made.training, plan.placement, plan.recompute) : made.training;
  const PlacementUnits units = again ? placement_units(training) : PlacementUnits{};
  const Program program = compile(std::move(training), plan.placement,
                                  {.schedule = plan.schedule,
                                   .alive_limit = plan.alive_limit,
                                   .devices = static_cast<std::int32_t>(cluster_.devices.size()),
                                   .cluster = &cluster_,
                                   .replicas = plan.replicas,
                                   .zero = plan.zero});
  for (const DeviceProgram& device : program.devices) {
    instructions_ += static_cast<std::int64_t>(device.instructions.size());
  }
  return predict(program, again ? units : made.units, cluster_);
}

Prediction StepJudge::predict_one_replica(const StepPlan& plan) {
  const Work& made = work(plan.microbatches, common_size(plan));
  StepPlan alone = plan;
  alone.replicas.clear();
  alone.zero = 0;
  Prediction prediction = predict_program(alone, made);
  add_replicas(plan, made, prediction);
  return prediction;
}

// Every member of a group is as its leader was simulated, but for what ZeRO leaves to other members; and has room for
// its share of the gradients of another member, to add them up. From ZeRO 2 on gradients move in every microbatch, all
// but the last one's while the devices compute.
void StepJudge::add_replicas(const StepPlan& plan, const Work& made, Prediction& prediction) const {
  const Graph& graph = made.training.graph;
  std::vector<std::int64_t> gradients(cluster_.devices.size(), 0);
  std::vector<std::int64_t> optimizer(cluster_.devices.size(), 0);
  for (const TrainedParameter& trained : made.training.trained) {
    const std::size_t d = index(plan.placement[made.training.home[trained.parameter]]);
    gradients[d] += bytes_of(graph, trained.gradient);
    for (const TensorId state : trained.state) optimizer[d] += bytes_of(graph, state);
  }
  const auto members = static_cast<std::int64_t>(common_size(plan));
  const std::int64_t rounds = plan.zero >= 2 ? (plan.microbatches + members - 1) / members : 1;
  double exchange_s = 0.0;
  double most_share = 0.0;
  std::int64_t exchanged = 0;
  for (const ReplicaGroup& group : plan.replicas) {
    const std::size_t leader = index(group.front());
    DevicePrediction device = prediction.devices[leader];
    const std::int64_t sharded = (plan.zero >= 1 ? optimizer[leader] : 0) + (plan.zero >= 2 ? gradients[leader] : 0);
    device.memory_bytes += gradients[leader] / members - (sharded - sharded / members);
    device.compute_share /= static_cast<double>(members);
    for (const DeviceId d : group) prediction.devices[index(d)] = device;
    const double way_s = links_.all_reduce_seconds(group, gradients[leader]) / 2.0;
    const double hidden_s = std::min(static_cast<double>(rounds - 1) * way_s, prediction.step_time_s);
    exchange_s = std::max(exchange_s, static_cast<double>(rounds + 1) * way_s - hidden_s);
    exchanged += (rounds + 1) * (members - 1) * gradients[leader];
    most_share = std::max(most_share, device.compute_share);
  }
  const double alone_s = prediction.step_time_s;
  prediction.step_time_s += exchange_s;
  prediction.bubble_fraction = 1.0 - (1.0 - prediction.bubble_fraction) * alone_s / prediction.step_time_s;
  prediction.cut_bytes *= members;
  prediction.communication_volume_bytes = prediction.communication_volume_bytes * members + exchanged;
  const auto devices = static_cast<double>(cluster_.devices.size());
  prediction.imbalance.compute = most_share * devices - 1.0;
  double memory = 0.0;
  for (const DevicePrediction& device : prediction.devices) memory += static_cast<double>(device.memory_bytes);
  if (memory > 0.0) {
    prediction.imbalance.memory = static_cast<double>(greatest_memory(prediction)) * devices / memory - 1.0;
  }
}

JudgedPlan StepJudge::judge(const StepPlan& plan) {
  const bool one_replica = simulates_one_replica(plan);
  ++plans_judged_;
  JudgedPlan judged{
      .plan = plan,
      .prediction = one_replica ? predict_one_replica(plan) : predict_program(plan, work(plan.microbatches)),
      .bytes_over = 0,
      .replicas_not_simulated = one_replica ? common_size(plan) - 1 : 0};
  judged.bytes_over = bytes_over(judged.prediction, cluster_);
  return judged;
}

}  // namespace mp::partition
