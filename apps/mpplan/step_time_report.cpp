#include "apps/mpplan/step_time_report.hpp"

#include <fmt/core.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <map>
#include <string_view>
#include <utility>
#include <vector>

#include "apps/common/table.hpp"
#include "apps/mpplan/report_fields.hpp"
#include "apps/mpplan/sample_text.hpp"
#include "apps/mpplan/split_flag.hpp"
#include "lib/files/json_writer.hpp"
#include "lib/files/split_fields.hpp"

namespace mp::apps {
namespace {

using partition::JudgedPlan;

// Devices that carry nodes, leaders of groups alone.
std::vector<DeviceId> leaders_of(const partition::StepPlan& plan) {
  std::vector<DeviceId> leaders(plan.placement.begin(), plan.placement.end());
  std::sort(leaders.begin(), leaders.end());
  leaders.erase(std::unique(leaders.begin(), leaders.end()), leaders.end());
  return leaders;
}

std::size_t most_replicas(const partition::StepPlan& plan) {
  std::size_t most = 1;
  for (const ReplicaGroup& group : plan.replicas) most = std::max(most, group.size());
  return most;
}

std::string kinds_table(const partition::StepSearch& found) {
  constexpr std::size_t kMostRows = 10;
  Table table({"algorithm", "stages", "replicas", "microbatches", "schedule", "step", "bubble", "memory", ""});
  for (std::size_t i = 0; i < std::min(kMostRows, found.plans.size()); ++i) {
    const JudgedPlan& p = found.plans[i];
    std::int64_t memory = 0;
    for (const DevicePrediction& device : p.prediction.devices) memory = std::max(memory, device.memory_bytes);
    table.add({p.plan.algorithm, count_text(static_cast<std::int64_t>(leaders_of(p.plan).size())),
               count_text(static_cast<std::int64_t>(most_replicas(p.plan))), count_text(p.plan.microbatches),
               std::string(name_of(p.plan.schedule)), seconds_text(p.prediction.step_time_s),
               percent_text(p.prediction.bubble_fraction), bytes_text(memory), i == 0 ? "<- chosen" : ""});
  }
  return table.text();
}

// "0", "0, 8, 16, 24", "0, 128 … 896 (8)".
std::string members_text(const Plan& plan, DeviceId leader) {
  constexpr std::size_t kMostNamed = 4;
  for (const ReplicaGroup& group : plan.replicas) {
    if (group.front() != leader) continue;
    std::vector<std::string> names;
    for (const DeviceId d : group) names.push_back(plan.cluster.devices[d].name);
    if (names.size() <= kMostNamed) return fmt::format("{}", fmt::join(names, ", "));
    return fmt::format("{}, {} … {} ({})", names[0], names[1], names.back(), names.size());
  }
  return plan.cluster.devices[leader].name;
}

std::string stages_table(const StepTimeReport& report) {
  const Plan& plan = report.plan;
  struct Stage {
    std::string first;
    std::string last;
  };
  std::map<DeviceId, Stage> stages;
  for (const auto& [node, device] : plan.assignment) {
    Stage& stage = stages[device];
    if (stage.first.empty()) stage.first = node;
    stage.last = node;
  }
  Table table({"devices", "from node", "to node", "nodes", "parameters", "memory", "compute"});
  for (const auto& [device, stage] : stages) {
    const DevicePrediction& predicted = plan.predicted->devices[index(device)];
    table.add({members_text(plan, device), stage.first, stage.last, count_text(predicted.nodes),
               count_text(predicted.parameters), bytes_text(predicted.memory_bytes),
               percent_text(predicted.compute_share)});
  }
  return table.text();
}

std::string bound_text(const partition::StepSearch& found) {
  if (found.optimal) return "optimal";
  return fmt::format("lower bound {}", seconds_text(found.lower_bound_s));
}

std::string simulated_text(const JudgedPlan& chosen) {
  const std::string text = sample_text(chosen.sample, chosen.plan.microbatches);
  return text.empty() ? text : text + '\n';
}

// What was chosen for the sake of memory, a sentence each.
std::string memory_text(const Plan& plan) {
  constexpr std::array<std::string_view, kMaxZero + 1> kShared = {
      "", "the optimizer's state", "the optimizer's state and the gradients",
      "the optimizer's state, the gradients and the parameters"};
  std::vector<std::string> sentences;
  if (plan.zero > 0) {
    sentences.push_back(
        fmt::format("ZeRO {}: replicas share {}.", plan.zero, kShared[static_cast<std::size_t>(plan.zero)]));
  }
  if (!plan.recompute.empty()) {
    sentences.push_back(fmt::format("{} of {} nodes are run again in the backward pass.", plan.recompute.size(),
                                    plan.assignment.size()));
  }
  if (plan.alive_limit > 0) {
    sentences.push_back(fmt::format("No device has more than {} under way at once, for the sake of memory.",
                                    counted(plan.alive_limit, "microbatch", "es")));
  }
  return sentences.empty() ? "" : fmt::format("{}\n", fmt::join(sentences, " "));
}

}  // namespace

std::string step_time_text(const StepTimeReport& report) {
  const Plan& plan = report.plan;
  const Prediction& predicted = *plan.predicted;
  std::string text = fmt::format("{}, {}, seed {}\n\n", heading_of(plan), name_of(plan.optimizer.kind), plan.seed);
  text += kinds_table(report.found) + '\n' + stages_table(report) + '\n';
  text += fmt::format("step {}, {} (with {} microbatches); bubble {}; cut {}, volume {} a step\n",
                      seconds_text(predicted.step_time_s), bound_text(report.found),
                      fmt::join(report.found.microbatches_tried, ", "), percent_text(predicted.bubble_fraction),
                      bytes_text(predicted.cut_bytes), bytes_text(predicted.communication_volume_bytes));
  if (!plan.splits.empty()) text += fmt::format("split: {}\n", text_of(plan.splits));
  text += memory_text(plan) + simulated_text(report.found.plans.front());
  return text + fmt::format("{} written in {} ({} estimated, {} simulated): {}\n", report.output,
                            seconds_text(report.seconds), counted(report.found.plans_estimated, "pipeline"),
                            counted(report.found.plans_judged, "plan"), next_command(report.has_loss, report.output));
}

namespace {

void write_candidates(JsonWriter& writer, const partition::StepSearch& found) {
  writer.key("candidates").begin_array();
  for (const JudgedPlan& p : found.plans) {
    writer.begin_object(JsonWriter::Layout::kInline).member("algorithm", p.plan.algorithm);
    writer.member("step_time_s", p.prediction.step_time_s).member("bubble_fraction", p.prediction.bubble_fraction);
    writer.member("stages", leaders_of(p.plan).size()).member("replicas", most_replicas(p.plan));
    writer.member("microbatches", p.plan.microbatches).member("schedule", name_of(p.plan.schedule));
    writer.member("zero", p.plan.zero).member("recomputed_nodes", p.plan.recompute.size());
    writer.member("alive_limit", p.plan.alive_limit);
    writer.member("cut", p.prediction.cut_bytes);
    writer.member("communication_volume", p.prediction.communication_volume_bytes);
    write_imbalance(writer, p.prediction.imbalance);
    writer.member("feasible", p.fits()).end();
  }
  writer.end();
}

}  // namespace

std::string step_time_json(const StepTimeReport& report) {
  const Plan& plan = report.plan;
  const Prediction& predicted = *plan.predicted;
  JsonWriter writer;
  writer.begin_object().member("algorithm", plan.algorithm).member("seed", plan.seed);
  writer.member("seconds", report.seconds);
  writer.key("objective").begin_object(JsonWriter::Layout::kInline).member("name", predicted.objective);
  writer.member("value", predicted.step_time_s).member("lower_bound", report.found.lower_bound_s);
  writer.member("optimal", report.found.optimal).end();
  writer.member("cut", predicted.cut_bytes).member("communication_volume", predicted.communication_volume_bytes);
  writer.member("unit", "bytes");
  write_imbalance(writer, predicted.imbalance);
  writer.member("feasible", report.found.plans.front().fits());
  writer.member("step_time_s", predicted.step_time_s).member("bubble_fraction", predicted.bubble_fraction);
  writer.member("microbatches", plan.microbatches).member("schedule", name_of(plan.schedule));
  writer.member("zero", plan.zero).member("recomputed_nodes", plan.recompute.size());
  writer.member("alive_limit", plan.alive_limit);
  const StepSample& sample = report.found.plans.front().sample;
  writer.member("replicas_not_simulated", sample.replicas - 1);
  writer.member("microbatches_simulated", sample.fewer > 0 ? sample.more : sample.microbatches);
  write_splits(writer, plan.splits);
  writer.key("microbatches_tried").values(report.found.microbatches_tried);
  writer.member("plans_estimated", report.found.plans_estimated).member("plans_judged", report.found.plans_judged);
  writer.member("plan", report.output);
  write_devices(writer, plan);
  write_candidates(writer, report.found);
  writer.end();
  return std::move(writer).take();
}

}  // namespace mp::apps
