#include "lib/files/stage_fields.hpp"

#include <limits>
#include <utility>

#include "lib/files/cluster_file.hpp"

namespace mp {
namespace {

constexpr std::int64_t kMaxInFlight = 1'000'000;

std::int32_t read_count(JsonValue value, std::int64_t maximum) {
  return value.present() ? static_cast<std::int32_t>(value.integer(1, maximum)) : 1;
}

PlanStage read_stage(JsonValue value) {
  const JsonObject fields = value.object({"first_device", "data_parallel", "tensor_parallel", "in_flight_microbatches",
                                          "time_per_microbatch_s", "memory_bytes", "nodes"});
  PlanStage stage;
  stage.first_device = make_id<DeviceId>(fields.require("first_device").integer(0, kMaxDevices - 1));
  stage.data_parallel = read_count(fields["data_parallel"], kMaxDevices);
  stage.tensor_parallel = read_count(fields["tensor_parallel"], kMaxDevices);
  stage.in_flight_microbatches = read_count(fields["in_flight_microbatches"], kMaxInFlight);
  stage.time_per_microbatch_s = fields["time_per_microbatch_s"].number_at_least(0.0);
  stage.memory_bytes = fields["memory_bytes"].integer(0);
  for (const auto& [option, nodes] : fields.require("nodes").members())
    stage.choices.push_back({.option = std::string(option), .nodes = nodes.strings()});
  return stage;
}

}  // namespace

std::vector<PlanStage> read_stages(JsonValue value) {
  std::vector<PlanStage> stages;
  for (const JsonValue stage : value.items()) stages.push_back(read_stage(stage));
  return stages;
}

void write_stages(JsonWriter& writer, const std::vector<PlanStage>& stages) {
  if (stages.empty()) return;
  writer.key("stages").begin_array();
  for (const PlanStage& stage : stages) {
    writer.begin_object().member("first_device", index(stage.first_device));
    writer.member("data_parallel", stage.data_parallel).member("tensor_parallel", stage.tensor_parallel);
    writer.member("in_flight_microbatches", stage.in_flight_microbatches);
    writer.member("time_per_microbatch_s", stage.time_per_microbatch_s).member("memory_bytes", stage.memory_bytes);
    writer.key("nodes").begin_object();
    for (const PlanStage::Choice& choice : stage.choices) writer.key(choice.option).values(choice.nodes);
    writer.end().end();
  }
  writer.end();
}

}  // namespace mp
