#include "lib/report/tables.hpp"

#include <fmt/core.h>

#include <algorithm>

#include "lib/base/quantities.hpp"
#include "lib/report/graph_view.hpp"

namespace mp {
namespace {

const std::string& name_of_device(const ReportInput& input, DeviceId d) { return input.plan.cluster.devices[d].name; }

std::string parallelism_text(const Plan& plan) {
  std::string text =
      fmt::format("{}, {} microbatch{}", name_of(plan.schedule), plan.microbatches, plan.microbatches == 1 ? "" : "es");
  if (!plan.replicas.empty()) text += fmt::format(", {} replica groups", plan.replicas.size());
  if (plan.zero > 0) text += fmt::format(", ZeRO {}", plan.zero);
  if (!plan.recompute.empty()) text += fmt::format(", {} nodes recomputed", plan.recompute.size());
  if (!plan.splits.empty()) text += fmt::format(", {} nodes in parts", plan.splits.size());
  return text;
}

}  // namespace

std::string report_title(const ReportInput& input) {
  const std::size_t devices = input.plan.cluster.devices.size();
  return fmt::format("{} over {} device{}", input.prepared.program.training.graph.name(), devices,
                     devices == 1 ? "" : "s");
}

std::vector<Figure> report_figures(const ReportInput& input) {
  const Prediction& predicted = input.prediction;
  std::int64_t memory = 0;
  for (const DevicePrediction& device : predicted.devices) memory = std::max(memory, device.memory_bytes);
  return {{"cut a step", bytes_text(predicted.cut_bytes)},
          {"communication volume a step", bytes_text(predicted.communication_volume_bytes)},
          {"predicted step", seconds_text(predicted.step_time_s)},
          {"bubble", percent_text(predicted.bubble_fraction)},
          {"imbalance of compute", percent_text(predicted.imbalance.compute)},
          {"largest memory of a device", bytes_text(memory)},
          {"nodes", count_text(static_cast<std::int64_t>(input.plan.assignment.size()))},
          {"algorithm", input.plan.algorithm.empty() ? "by hand" : input.plan.algorithm},
          {"schedule", parallelism_text(input.plan)},
          {"optimizer", std::string(name_of(input.plan.optimizer.kind))}};
}

ReportTable devices_table(const ReportInput& input) {
  ReportTable table{
      .title = "Devices",
      .note = {},
      .header = {"device", "type", "nodes", "parameters", "compute", "busy", "waits for messages", "idle", "memory"},
      .rows = {},
      .device_of_row = {}};
  for (const DeviceId d : ids<DeviceId>(input.simulation.devices.size())) {
    const DeviceTimes& times = input.simulation.devices[index(d)];
    const DevicePrediction& device = input.prediction.devices[index(d)];
    const DeviceType& type = input.plan.cluster.type_of(d);
    std::string memory = bytes_text(device.memory_bytes);
    if (type.memory_bytes > 0) memory += " of " + bytes_text(type.memory_bytes);
    table.rows.push_back({name_of_device(input, d), type.name, count_text(device.nodes), count_text(device.parameters),
                          percent_text(device.compute_share), seconds_text(times.busy_s),
                          seconds_text(times.communication_s), seconds_text(times.idle_s), std::move(memory)});
    table.device_of_row.push_back(index(d));
  }
  return table;
}

ReportTable cut_table(const ReportInput& input, std::size_t most_rows) {
  const std::vector<CutEdge> edges = cut_edges(input.prepared.program, input.prepared.units);
  ReportTable table{.title = "Tensors that cross between devices",
                    .note = {},
                    .header = {"tensor", "from", "to", "bytes a step"},
                    .rows = {},
                    .device_of_row = {}};
  std::int64_t hidden = 0;
  for (const CutEdge& edge : edges) {
    if (table.rows.size() >= most_rows) {
      hidden += edge.bytes_per_step;
      continue;
    }
    table.rows.push_back({edge.tensor, name_of_device(input, edge.from), name_of_device(input, edge.to),
                          bytes_text(edge.bytes_per_step)});
  }
  if (edges.empty()) table.note = "No tensor crosses between devices.";
  if (table.rows.size() < edges.size()) {
    table.note = fmt::format("and {} more, {} together", edges.size() - table.rows.size(), bytes_text(hidden));
  }
  return table;
}

ReportTable links_table(const ReportInput& input, std::size_t most_rows) {
  std::vector<LinkTraffic> links = input.simulation.links;
  std::stable_sort(links.begin(), links.end(),
                   [](const LinkTraffic& a, const LinkTraffic& b) { return a.bytes > b.bytes; });
  ReportTable table{
      .title = "Links", .note = {}, .header = {"from", "to", "bytes a step"}, .rows = {}, .device_of_row = {}};
  for (std::size_t i = 0; i < links.size() && i < most_rows; ++i) {
    table.rows.push_back(
        {name_of_device(input, links[i].from), name_of_device(input, links[i].to), bytes_text(links[i].bytes)});
  }
  if (links.size() > most_rows) table.note = fmt::format("and {} more", links.size() - most_rows);
  return table;
}

ReportTable alternatives_table(const ReportInput& input) {
  ReportTable table{.title = "Placements tried",
                    .note = {},
                    .header = {"algorithm", "cut a step", "volume a step", "imbalance of compute",
                               "imbalance of memory", "step", "feasible", ""},
                    .rows = {},
                    .device_of_row = {}};
  if (!input.plan.predicted) return table;
  for (const Alternative& tried : input.plan.predicted->alternatives) {
    table.rows.push_back({tried.algorithm, bytes_text(tried.cut_bytes), bytes_text(tried.communication_volume_bytes),
                          percent_text(tried.imbalance.compute), percent_text(tried.imbalance.memory),
                          tried.step_time_s ? seconds_text(*tried.step_time_s) : "–", tried.feasible ? "yes" : "no",
                          tried.algorithm == input.plan.algorithm ? "chosen" : ""});
  }
  return table;
}

}  // namespace mp
