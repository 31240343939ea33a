#include "apps/mpplan/max_load_report.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "apps/common/table.hpp"
#include "apps/mpplan/report_fields.hpp"
#include "lib/files/json_writer.hpp"

namespace mp::apps {
namespace {

using partition::DeviceLoad;
using partition::LoadCandidate;

constexpr double kMsPerS = 1e3;

double excess(const std::vector<double>& values) {
  double sum = 0.0;
  double most = 0.0;
  for (const double value : values) {
    sum += value;
    most = std::max(most, value);
  }
  return sum > 0.0 ? most * static_cast<double>(values.size()) / sum - 1.0 : 0.0;
}

std::string load_text(double seconds) { return fmt::format("{:.6g} ms", seconds * kMsPerS); }

std::string devices_table(const MaxLoadReport& report) {
  Table table({"device", "nodes", "compute", "transfers", "load", "memory kept"});
  const LoadCandidate& chosen = report.found.candidates[report.found.chosen];
  for (const DeviceId d : ids<DeviceId>(chosen.loads.size())) {
    const DeviceLoad& load = chosen.loads[index(d)];
    table.add({report.plan.cluster.devices[d].name, count_text(report.plan.predicted->devices[index(d)].nodes),
               load_text(load.compute_s), load_text(load.transfer_s), load_text(load.seconds()),
               bytes_text(load.bytes)});
  }
  return table.text();
}

std::string candidates_table(const MaxLoadReport& report) {
  Table table({"algorithm", "max load", "cut", "volume", "time", ""});
  for (std::size_t i = 0; i < report.found.candidates.size(); ++i) {
    const LoadCandidate& c = report.found.candidates[i];
    table.add({c.algorithm, load_text(c.max_load_s), bytes_text(c.traffic.cut),
               bytes_text(c.traffic.communication_volume), seconds_text(c.seconds),
               i == report.found.chosen ? "<- chosen" : ""});
  }
  return table.text();
}

void write_devices(JsonWriter& writer, const MaxLoadReport& report) {
  const LoadCandidate& chosen = report.found.candidates[report.found.chosen];
  writer.key("devices").begin_array();
  for (const DeviceId d : ids<DeviceId>(chosen.loads.size())) {
    const DevicePrediction& device = report.plan.predicted->devices[index(d)];
    const DeviceLoad& load = chosen.loads[index(d)];
    writer.begin_object(JsonWriter::Layout::kInline).member("name", report.plan.cluster.devices[d].name);
    writer.member("nodes", device.nodes).member("parameters", device.parameters);
    writer.member("compute_share", device.compute_share).member("memory_bytes", device.memory_bytes);
    writer.member("load_ms", load.seconds() * kMsPerS).member("compute_ms", load.compute_s * kMsPerS);
    writer.member("transfer_ms", load.transfer_s * kMsPerS).member("kept_bytes", load.bytes).end();
  }
  writer.end();
}

void write_candidates(JsonWriter& writer, const partition::MaxLoadSearch& found) {
  writer.key("candidates").begin_array();
  for (const LoadCandidate& c : found.candidates) {
    writer.begin_object(JsonWriter::Layout::kInline).member("algorithm", c.algorithm);
    writer.member("max_load_ms", c.max_load_s * kMsPerS).member("cut", c.traffic.cut);
    writer.member("communication_volume", c.traffic.communication_volume);
    write_imbalance(writer, imbalance_of(c));
    writer.member("feasible", true).member("seconds", c.seconds).end();
  }
  writer.end();
}

}  // namespace

Imbalance imbalance_of(const LoadCandidate& candidate) {
  std::vector<double> compute;
  std::vector<double> memory;
  for (const DeviceLoad& load : candidate.loads) {
    compute.push_back(load.compute_s);
    memory.push_back(static_cast<double>(load.bytes));
  }
  return {.compute = excess(compute), .memory = excess(memory)};
}

std::string max_load_text(const MaxLoadReport& report) {
  const Plan& plan = report.plan;
  const partition::MaxLoadSearch& found = report.found;
  std::string text =
      fmt::format("{}, {}, seed {}\n\n", heading_of(plan), counted(plan.microbatches, "microbatch", "es"), plan.seed);
  text += candidates_table(report) + '\n' + devices_table(report) + '\n';
  const double best_s = found.candidates[found.chosen].max_load_s;
  const std::string proof =
      found.optimal ? fmt::format("optimal{}", report.options.contiguous ? " among pipelines" : "")
                    : fmt::format("lower bound {} (gap {})", load_text(found.lower_bound_s),
                                  percent_text(best_s > 0.0 ? (best_s - found.lower_bound_s) / best_s : 0.0));
  text += fmt::format("max load {}, {}; predicted step {}\n", load_text(best_s), proof,
                      seconds_text(plan.predicted->step_time_s));
  return text + fmt::format("{} written in {}\n", report.output, seconds_text(report.seconds));
}

std::string max_load_json(const MaxLoadReport& report) {
  const partition::MaxLoadSearch& found = report.found;
  const Prediction& predicted = *report.plan.predicted;
  JsonWriter writer;
  writer.begin_object().member("algorithm", report.plan.algorithm).member("seed", report.plan.seed);
  writer.member("seconds", report.seconds);
  writer.key("objective").begin_object(JsonWriter::Layout::kInline).member("name", predicted.objective);
  writer.member("value", found.candidates[found.chosen].max_load_s * kMsPerS);
  writer.member("lower_bound", found.lower_bound_s * kMsPerS).member("optimal", found.optimal);
  writer.member("unit", "ms").end();
  writer.member("cut", predicted.cut_bytes).member("communication_volume", predicted.communication_volume_bytes);
  writer.member("unit", "bytes");
  write_imbalance(writer, predicted.imbalance);
  writer.member("feasible", true);
  writer.member("step_time_s", predicted.step_time_s).member("bubble_fraction", predicted.bubble_fraction);
  writer.member("plan", report.output);
  write_devices(writer, report);
  write_candidates(writer, found);
  writer.end();
  return std::move(writer).take();
}

}  // namespace mp::apps
