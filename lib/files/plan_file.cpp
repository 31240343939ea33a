#include "lib/files/plan_file.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "lib/base/text.hpp"
#include "lib/files/atomic_file.hpp"
#include "lib/files/cluster_file.hpp"
#include "lib/files/fields.hpp"
#include "lib/files/prediction_fields.hpp"
#include "lib/files/split_fields.hpp"
#include "lib/files/stage_fields.hpp"

namespace mp {
namespace {

constexpr std::size_t kDigestDigits = 64;
constexpr std::int64_t kMaxMicrobatches = 1'000'000;
constexpr std::int64_t kMaxBucketBytes = 1'000'000'000'000;

void read_model_reference(JsonValue value, Plan& plan) {
  if (value.kind() == JsonKind::kString) {
    plan.model_path = value.nonempty_string();
    return;
  }
  const JsonObject fields = value.object({"path", "sha256", "name"});
  plan.model_path = fields.require("path").nonempty_string();
  plan.model_sha256 = fields["sha256"].string();
  plan.model_name = fields["name"].string();
  const bool is_hex = plan.model_sha256.find_first_not_of("0123456789abcdef") == std::string::npos;
  if (!plan.model_sha256.empty() && (!is_hex || plan.model_sha256.size() != kDigestDigits)) {
    fields["sha256"].issue("64 hexadecimal digits in lower case are expected");
  }
}

// A device by number or by name. Numbers beyond the cluster are reported by read_assignment, which knows its size.
std::int64_t read_device(JsonValue value, const std::optional<Cluster>& cluster) {
  if (value.kind() != JsonKind::kString) return value.integer(0, kMaxDevices - 1);
  const std::string name = value.string();
  std::vector<std::string_view> names;
  if (cluster) {
    for (const ClusterDevice& device : cluster->devices) names.push_back(device.name);
  }
  const auto found = std::find(names.begin(), names.end(), name);
  if (found != names.end()) return found - names.begin();
  value.issue(fmt::format("the cluster has no device named {}{}", quoted(name), did_you_mean(name, names)));
  return 0;
}

std::optional<Cluster> read_devices(const JsonObject& root) {
  const JsonValue cluster = root["cluster"];
  const JsonValue devices = root["devices"];
  if (cluster.present()) {
    devices.issue("\"cluster\" says the devices already: one or the other");
    Cluster read = read_cluster_fields(cluster);
    if (read.devices.empty()) return uniform_cluster(1);  // an issue was recorded
    return read;
  }
  if (devices.present()) return uniform_cluster(static_cast<std::int32_t>(devices.integer(1, kMaxDevices)));
  return std::nullopt;
}

DeviceId read_known_device(JsonValue value, const std::optional<Cluster>& cluster) {
  const std::int64_t number = read_device(value, cluster);
  if (cluster && number >= static_cast<std::int64_t>(cluster->devices.size())) {
    value.issue(
        fmt::format("there is no device {}: the cluster has {}, numbered from 0", number, cluster->devices.size()));
  }
  return make_id<DeviceId>(number);
}

void read_replicas(JsonValue value, const std::optional<Cluster>& cluster, Plan& plan) {
  for (const JsonValue group : value.items()) {
    ReplicaGroup& devices = plan.replicas.emplace_back();
    for (const JsonValue device : group.items()) devices.push_back(read_known_device(device, cluster));
    if (devices.empty() && group.kind() == JsonKind::kArray)
      group.issue("a group has at least one device, its leader first");
  }
}

// The devices there are, and what is on them.
void read_assignment(const JsonObject& root, Plan& plan) {
  std::optional<Cluster> cluster = read_devices(root);
  for (const auto& [node, device] : root.require("assignment").members()) {
    plan.assignment.emplace_back(node, read_known_device(device, cluster));
  }
  read_replicas(root["replicas"], cluster, plan);
  std::size_t highest = 0;
  for (const auto& [node, device] : plan.assignment) highest = std::max(highest, index(device));
  for (const ReplicaGroup& group : plan.replicas) {
    for (const DeviceId device : group) highest = std::max(highest, index(device));
  }
  plan.cluster = cluster ? *std::move(cluster) : uniform_cluster(static_cast<std::int32_t>(highest + 1));
}

// Only what is used is written: most plans have none of it.
void write_parallelism(JsonWriter& writer, const Plan& plan) {
  if (plan.alive_limit != 0) writer.member("alive_limit", plan.alive_limit);
  if (plan.zero != 0) writer.member("zero", plan.zero);
  if (plan.bucket_bytes != kDefaultBucketBytes) writer.member("bucket_bytes", plan.bucket_bytes);
  if (!plan.replicas.empty()) {
    writer.key("replicas").begin_array();
    for (const ReplicaGroup& group : plan.replicas) {
      writer.begin_array(JsonWriter::Layout::kInline);
      for (const DeviceId device : group) writer.value(index(device));
      writer.end();
    }
    writer.end();
  }
  if (plan.recompute.empty()) return;
  writer.key("recompute").begin_array();
  for (const std::string& node : plan.recompute) writer.value(node);
  writer.end();
}

}  // namespace

Plan parse_plan(std::string_view text, const std::string& source) {
  JsonDocument document(text, source);
  document.require_format(kPlanFormat);
  const JsonObject root = document.root().object(
      {"format",    "model",     "bindings",  "cluster",   "devices",     "schedule",  "microbatches",
       "optimizer", "precision", "algorithm", "seed",      "alive_limit", "zero",      "bucket_bytes",
       "replicas",  "recompute", "stages",    "predicted", "splits",      "assignment"});
  Plan plan;
  read_model_reference(root.require("model"), plan);
  plan.bindings = read_bindings(root["bindings"]);
  plan.splits = read_splits(root["splits"]);
  read_assignment(root, plan);
  if (root["schedule"].present()) plan.schedule = root["schedule"].enumerator("schedule", kSchedules);
  if (root["microbatches"].present()) {
    plan.microbatches = static_cast<std::int32_t>(root["microbatches"].integer(1, kMaxMicrobatches));
  }
  if (root["alive_limit"].present()) {
    plan.alive_limit = static_cast<std::int32_t>(root["alive_limit"].integer(1, kMaxMicrobatches));
  }
  plan.zero = static_cast<std::int32_t>(root["zero"].integer(0, kMaxZero));
  if (root["bucket_bytes"].present()) plan.bucket_bytes = root["bucket_bytes"].integer(1, kMaxBucketBytes);
  plan.recompute = root["recompute"].strings();
  plan.stages = read_stages(root["stages"]);
  plan.optimizer = read_optimizer(root["optimizer"]);
  if (root["precision"].present()) plan.precision = root["precision"].enumerator("precision", kPrecisions);
  plan.algorithm = root["algorithm"].string();
  plan.seed = root["seed"].unsigned_integer();
  if (root["predicted"].present()) plan.predicted = read_prediction(root["predicted"]);
  document.finish();
  return plan;
}

Plan read_plan(const std::string& path) { return parse_plan(read_file(path), path); }

std::string to_json(const Plan& plan) {
  JsonWriter writer;
  writer.begin_object().member("format", kPlanFormat).key("model").begin_object().member("path", plan.model_path);
  if (!plan.model_sha256.empty()) writer.member("sha256", plan.model_sha256);
  if (!plan.model_name.empty()) writer.member("name", plan.model_name);
  write_bindings(writer.end().key("bindings"), plan.bindings);
  write_cluster_fields(writer.key("cluster"), plan.cluster);
  writer.member("schedule", name_of(plan.schedule)).member("microbatches", plan.microbatches);
  write_optimizer(writer.key("optimizer"), plan.optimizer);
  if (plan.precision != Precision::kFloat32) writer.member("precision", name_of(plan.precision));
  if (!plan.algorithm.empty()) writer.member("algorithm", plan.algorithm);
  writer.member("seed", plan.seed);
  write_parallelism(writer, plan);
  write_stages(writer, plan.stages);
  write_splits(writer, plan.splits);
  if (plan.predicted) write_prediction(writer.key("predicted"), *plan.predicted, plan.cluster);
  writer.key("assignment").begin_object();
  for (const auto& [node, device] : plan.assignment) writer.member(node, index(device));
  writer.end().end();
  return std::move(writer).take();
}

}  // namespace mp
