#include "apps/mpplan/report_fields.hpp"

#include <fmt/core.h>

#include "apps/common/table.hpp"

namespace mp::apps {

std::string heading_of(const Plan& plan) {
  return fmt::format("{}: {} over {}", plan.model_name, counted(std::ssize(plan.assignment), "node"),
                     counted(std::ssize(plan.cluster.devices), "device"));
}

std::string next_command(bool has_loss, const std::string& output) {
  if (!has_loss) return fmt::format("the model has no loss to train; see its step with  mpplan simulate {}", output);
  return fmt::format("train it with  mprun train {}", output);
}

void write_imbalance(JsonWriter& writer, const Imbalance& imbalance) {
  writer.key("imbalance").begin_object(JsonWriter::Layout::kInline);
  writer.member("compute", imbalance.compute).member("memory", imbalance.memory).end();
}

void write_devices(JsonWriter& writer, const Plan& plan) {
  writer.key("devices").begin_array();
  for (const DeviceId d : ids<DeviceId>(plan.predicted->devices.size())) {
    const DevicePrediction& device = plan.predicted->devices[index(d)];
    writer.begin_object(JsonWriter::Layout::kInline).member("name", plan.cluster.devices[d].name);
    writer.member("nodes", device.nodes).member("parameters", device.parameters);
    writer.member("compute_share", device.compute_share).member("memory_bytes", device.memory_bytes).end();
  }
  writer.end();
}

}  // namespace mp::apps
