#include "apps/mpplan/report_fields.hpp"

namespace mp::apps {

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
