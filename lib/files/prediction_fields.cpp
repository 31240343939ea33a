#include "lib/files/prediction_fields.hpp"

#include <cstddef>
#include <optional>

namespace mp {
namespace {

constexpr auto kInline = JsonWriter::Layout::kInline;

DevicePrediction read_device_prediction(JsonValue value) {
  const JsonObject fields = value.object({"name", "nodes", "parameters", "compute_share", "memory_bytes"});
  return {.nodes = fields["nodes"].integer(0),
          .parameters = fields["parameters"].integer(0),
          .compute_share = fields["compute_share"].number(),
          .memory_bytes = fields["memory_bytes"].integer(0)};
}

Imbalance read_imbalance(JsonValue value) {
  const JsonObject fields = value.object({"compute", "memory"});
  return {fields["compute"].number(), fields["memory"].number()};
}

Alternative read_alternative(JsonValue value) {
  const JsonObject fields =
      value.object({"algorithm", "cut_bytes", "communication_volume_bytes", "imbalance", "feasible", "step_time_s"});
  Alternative alternative{.algorithm = fields.require("algorithm").nonempty_string(),
                          .cut_bytes = fields["cut_bytes"].integer(0),
                          .communication_volume_bytes = fields["communication_volume_bytes"].integer(0),
                          .imbalance = read_imbalance(fields["imbalance"]),
                          .feasible = !fields["feasible"].present() || fields["feasible"].boolean(),
                          .step_time_s = std::nullopt};
  if (fields["step_time_s"].present()) alternative.step_time_s = fields["step_time_s"].number_at_least(0.0);
  return alternative;
}

void write_imbalance(JsonWriter& writer, const Imbalance& imbalance) {
  writer.key("imbalance").begin_object(kInline).member("compute", imbalance.compute);
  writer.member("memory", imbalance.memory).end();
}

void write_alternatives(JsonWriter& writer, const std::vector<Alternative>& alternatives) {
  writer.key("alternatives").begin_array();
  for (const Alternative& alternative : alternatives) {
    writer.begin_object(kInline).member("algorithm", alternative.algorithm);
    writer.member("cut_bytes", alternative.cut_bytes);
    writer.member("communication_volume_bytes", alternative.communication_volume_bytes);
    write_imbalance(writer, alternative.imbalance);
    writer.member("feasible", alternative.feasible);
    if (alternative.step_time_s) writer.member("step_time_s", *alternative.step_time_s);
    writer.end();
  }
  writer.end();
}

}  // namespace

Prediction read_prediction(JsonValue value) {
  const JsonObject fields = value.object({"objective", "cut_bytes", "communication_volume_bytes", "imbalance",
                                          "step_time_s", "bubble_fraction", "devices", "alternatives"});
  Prediction prediction{.objective = fields["objective"].string(),
                        .cut_bytes = fields["cut_bytes"].integer(0),
                        .communication_volume_bytes = fields["communication_volume_bytes"].integer(0),
                        .imbalance = read_imbalance(fields["imbalance"]),
                        .step_time_s = fields["step_time_s"].number_at_least(0.0),
                        .bubble_fraction = fields["bubble_fraction"].number(),
                        .devices = {},
                        .alternatives = {}};
  for (const JsonValue item : fields["devices"].items()) prediction.devices.push_back(read_device_prediction(item));
  for (const JsonValue item : fields["alternatives"].items()) prediction.alternatives.push_back(read_alternative(item));
  return prediction;
}

void write_prediction(JsonWriter& writer, const Prediction& prediction, const Cluster& cluster) {
  writer.begin_object().member("objective", prediction.objective).member("cut_bytes", prediction.cut_bytes);
  writer.member("communication_volume_bytes", prediction.communication_volume_bytes);
  write_imbalance(writer, prediction.imbalance);
  writer.member("step_time_s", prediction.step_time_s).member("bubble_fraction", prediction.bubble_fraction);
  writer.key("devices").begin_array();
  for (std::size_t d = 0; d < prediction.devices.size(); ++d) {
    const DevicePrediction& device = prediction.devices[d];
    writer.begin_object(kInline);
    if (d < cluster.devices.size()) writer.member("name", cluster.devices[make_id<DeviceId>(d)].name);
    writer.member("nodes", device.nodes).member("parameters", device.parameters);
    writer.member("compute_share", device.compute_share).member("memory_bytes", device.memory_bytes).end();
  }
  writer.end();
  if (!prediction.alternatives.empty()) write_alternatives(writer, prediction.alternatives);
  writer.end();
}

}  // namespace mp
