#include "apps/mpplan/partition_report.hpp"

#include <fmt/core.h>
#include <fmt/ranges.h>

#include <string>
#include <vector>

#include "apps/common/table.hpp"
#include "apps/mpplan/report_fields.hpp"
#include "lib/files/json_writer.hpp"
#include "lib/files/split_fields.hpp"
#include "partition/model/model_graph.hpp"

namespace mp::apps {
namespace {

using partition::kComputeConstraint;
using partition::kMemoryConstraint;
using partition::PlacementCandidate;

std::string candidates_table(const PartitionReport& report) {
  Table table({"algorithm", "cut", "volume", "compute imb.", "memory imb.", "in balance", "time", ""});
  for (std::size_t i = 0; i < report.found.candidates.size(); ++i) {
    const PlacementCandidate& c = report.found.candidates[i];
    table.add({c.found.algorithm, bytes_text(c.traffic.cut), bytes_text(c.traffic.communication_volume),
               percent_text(c.found.imbalance[kComputeConstraint]), percent_text(c.found.imbalance[kMemoryConstraint]),
               c.found.feasible ? "yes" : "no", seconds_text(c.found.seconds),
               i == report.found.chosen ? "<- chosen" : ""});
  }
  return table.text();
}

std::string devices_table(const PartitionReport& report) {
  Table table({"device", "nodes", "parameters", "memory", "compute"});
  const Prediction& predicted = *report.plan.predicted;
  for (const DeviceId d : ids<DeviceId>(predicted.devices.size())) {
    const DevicePrediction& device = predicted.devices[index(d)];
    table.add({report.plan.cluster.devices[d].name, count_text(device.nodes), count_text(device.parameters),
               bytes_text(device.memory_bytes), percent_text(device.compute_share)});
  }
  return table.text();
}

// " (2 replicas, ZeRO 1, 12 nodes recomputed)"
std::string parallelism_text(const Plan& plan) {
  std::vector<std::string> parts;
  if (!plan.replicas.empty()) parts.push_back(fmt::format("{} replicas", plan.replicas.front().size()));
  if (plan.zero > 0) parts.push_back(fmt::format("ZeRO {}", plan.zero));
  if (!plan.recompute.empty()) parts.push_back(fmt::format("{} nodes recomputed", plan.recompute.size()));
  if (!plan.splits.empty()) parts.push_back(fmt::format("{} nodes in parts", plan.splits.size()));
  return parts.empty() ? "" : fmt::format(" ({})", fmt::join(parts, ", "));
}

std::string bounds_text(const partition::Candidate& chosen) {
  if (chosen.optimal) return ", optimal";
  if (!chosen.lower_bound) return "";
  return fmt::format(", lower bound {}", bytes_text(*chosen.lower_bound));
}

const Imbalance balance_found(const PlacementCandidate& chosen) {
  return {.compute = chosen.found.imbalance[kComputeConstraint], .memory = chosen.found.imbalance[kMemoryConstraint]};
}

}  // namespace

std::string report_text(const PartitionReport& report) {
  const Plan& plan = report.plan;
  const Prediction& predicted = *plan.predicted;
  const PlacementCandidate& chosen = report.found.candidates[report.found.chosen];
  std::string text =
      fmt::format("{}{}, {}, {}, seed {}\n\n", heading_of(plan), parallelism_text(plan),
                  counted(plan.microbatches, "microbatch", "es"), name_of(plan.optimizer.kind), plan.seed);
  text += candidates_table(report) + '\n' + devices_table(report) + '\n';
  if (report.found.imbalance.compute > partition::kDefaultImbalance && !report.options.imbalance) {
    text +=
        fmt::format("No placement in a balance of {} was found; {} was allowed beside the nodes too heavy to spread.\n",
                    percent_text(partition::kDefaultImbalance), percent_text(report.found.imbalance.compute));
  }
  text += fmt::format("cut {}{}, volume {} a step; predicted step {}, bubble {}\n", bytes_text(predicted.cut_bytes),
                      bounds_text(chosen.found), bytes_text(predicted.communication_volume_bytes),
                      seconds_text(predicted.step_time_s), percent_text(predicted.bubble_fraction));
  return text + fmt::format("{} written in {}: {}\n", report.output, seconds_text(report.seconds),
                            next_command(report.has_loss, report.output));
}

namespace {

void write_objective(JsonWriter& writer, const Prediction& predicted, const PlacementCandidate& placement) {
  const partition::Candidate& chosen = placement.found;
  writer.key("objective").begin_object(JsonWriter::Layout::kInline);
  writer.member("name", predicted.objective).member("value", placement.value);
  writer.key("lower_bound");
  if (chosen.lower_bound) {
    writer.value(*chosen.lower_bound);
  } else {
    writer.null();
  }
  writer.member("optimal", chosen.optimal).end();
}

void write_candidates(JsonWriter& writer, const partition::ModelPartition& found) {
  writer.key("candidates").begin_array();
  for (const PlacementCandidate& c : found.candidates) {
    writer.begin_object(JsonWriter::Layout::kInline).member("algorithm", c.found.algorithm);
    writer.member("cut", c.traffic.cut).member("communication_volume", c.traffic.communication_volume);
    write_imbalance(writer, balance_found(c));
    writer.member("feasible", c.found.feasible).member("seconds", c.found.seconds).end();
  }
  writer.end();
}

}  // namespace

std::string report_json(const PartitionReport& report) {
  const Prediction& predicted = *report.plan.predicted;
  const PlacementCandidate& chosen = report.found.candidates[report.found.chosen];
  JsonWriter writer;
  writer.begin_object().member("algorithm", report.plan.algorithm).member("seed", report.plan.seed);
  writer.member("seconds", report.seconds);
  write_objective(writer, predicted, chosen);
  writer.member("cut", predicted.cut_bytes).member("communication_volume", predicted.communication_volume_bytes);
  writer.member("unit", "bytes");
  write_imbalance(writer, predicted.imbalance);
  writer.key("imbalance_allowed").begin_object(JsonWriter::Layout::kInline);
  writer.member("compute", report.found.imbalance.compute).member("memory", report.found.imbalance.memory).end();
  writer.member("feasible", chosen.found.feasible);
  writer.member("step_time_s", predicted.step_time_s).member("bubble_fraction", predicted.bubble_fraction);
  write_splits(writer, report.plan.splits);
  writer.member("plan", report.output);
  write_devices(writer, report.plan);
  write_candidates(writer, report.found);
  writer.end();
  return std::move(writer).take();
}

}  // namespace mp::apps
