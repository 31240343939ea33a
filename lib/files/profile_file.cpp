#include "lib/files/profile_file.hpp"

#include <fmt/format.h>

#include <array>
#include <utility>

#include "lib/base/text.hpp"
#include "lib/files/atomic_file.hpp"
#include "lib/files/cluster_file.hpp"
#include "lib/files/device_type_fields.hpp"
#include "lib/files/fields.hpp"

namespace mp {
namespace {

constexpr auto kInline = JsonWriter::Layout::kInline;
constexpr std::array<std::string_view, 2> kTransferBy = {"background", "receiver"};

void read_model(JsonValue value, Profile& profile) {
  const JsonObject fields = value.object({"name", "sha256", "microbatch"});
  profile.model_name = fields.require("name").string();
  profile.model_sha256 = fields["sha256"].string();
  profile.bindings = read_bindings(fields["microbatch"]);
}

void read_nodes(JsonValue value, MeasuredTimes& measured) {
  for (const JsonValue item : value.items()) {
    const JsonObject fields = item.object({"signature", "alone_s", "crowded_s"});
    std::string name = fields.require("signature").nonempty_string();
    MeasuredTime time{.alone_s = fields.require("alone_s").number_at_least(0.0)};
    time.crowded_s = fields["crowded_s"].present() ? fields["crowded_s"].number_at_least(0.0) : time.alone_s;
    if (measured.times.contains(name)) item.issue("another node has the signature " + quoted(name));
    measured.times.emplace(std::move(name), time);
  }
}

void read_links(JsonValue value, Profile& profile) {
  const auto devices = static_cast<std::size_t>(profile.measured.devices);
  const std::vector<JsonValue> items = value.items();
  const std::size_t pairs = devices * (devices - 1);
  if (value.kind() == JsonKind::kArray && items.size() != pairs) {
    value.issue(fmt::format("{} links; {} devices have {} ordered pairs", items.size(), devices, pairs));
  }
  if (devices < 2 || items.size() != pairs) return;
  profile.links.assign(devices * devices, Link{});
  for (const JsonValue item : items) {
    const JsonObject fields = item.object({"from", "to", "latency_s", "bandwidth_bytes_per_s"});
    const auto from = static_cast<std::size_t>(fields.require("from").integer(0, profile.measured.devices - 1));
    const auto to = static_cast<std::size_t>(fields.require("to").integer(0, profile.measured.devices - 1));
    Link& link = profile.links[from * devices + to];
    if (from == to || link.bandwidth_bytes_per_s > 0.0) item.issue("each pair of different devices once is expected");
    link = {.latency_s = fields["latency_s"].number_at_least(0.0),
            .bandwidth_bytes_per_s = fields.require("bandwidth_bytes_per_s").positive_number()};
  }
}

void write_links(JsonWriter& writer, const Profile& profile) {
  const auto devices = static_cast<std::size_t>(profile.measured.devices);
  writer.begin_array();
  for (std::size_t i = 0; i < profile.links.size(); ++i) {
    if (i / devices == i % devices) continue;
    writer.begin_object(kInline).member("from", i / devices).member("to", i % devices);
    writer.member("latency_s", profile.links[i].latency_s);
    writer.member("bandwidth_bytes_per_s", profile.links[i].bandwidth_bytes_per_s).end();
  }
  writer.end();
}

}  // namespace

Profile parse_profile(std::string_view text, const std::string& source) {
  JsonDocument document(text, source);
  document.require_format(kProfileFormat);
  const JsonObject root =
      document.root().object({"format", "model", "machine", "backend", "devices", "threads", "device",
                              "step_overhead_s", "step_overhead_crowded_s", "transfer_by", "links", "nodes"});
  Profile profile;
  read_model(root.require("model"), profile);
  profile.machine = root["machine"].string();
  profile.backend = root["backend"].string();
  profile.measured.devices = static_cast<std::int32_t>(root.require("devices").integer(1, kMaxDevices));
  profile.threads = static_cast<std::int32_t>(root.require("threads").integer(1, kMaxDevices));
  profile.device = read_device_type(root.require("device"));
  profile.step_overhead_s = root["step_overhead_s"].number_at_least(0.0);
  const JsonValue crowded = root["step_overhead_crowded_s"];
  profile.step_overhead_crowded_s = crowded.present() ? crowded.number_at_least(0.0) : profile.step_overhead_s;
  if (root["transfer_by"].present()) {
    profile.transfer_by = static_cast<TransferBy>(root["transfer_by"].choice("way", kTransferBy));
  }
  read_links(profile.measured.devices > 1 ? root.require("links") : root["links"], profile);
  read_nodes(root.require("nodes"), profile.measured);
  document.finish();
  return profile;
}

Profile read_profile(const std::string& path) { return parse_profile(read_file(path), path); }

std::string to_json(const Profile& profile) {
  JsonWriter writer;
  writer.begin_object().member("format", kProfileFormat).key("model").begin_object();
  writer.member("name", profile.model_name).member("sha256", profile.model_sha256);
  write_bindings(writer.key("microbatch"), profile.bindings);
  writer.end().member("machine", profile.machine).member("backend", profile.backend);
  writer.member("devices", profile.measured.devices).member("threads", profile.threads);
  write_device_type(writer.key("device"), profile.device);
  writer.member("step_overhead_s", profile.step_overhead_s);
  writer.member("step_overhead_crowded_s", profile.step_overhead_crowded_s);
  writer.member("transfer_by", kTransferBy[static_cast<std::size_t>(profile.transfer_by)]);
  write_links(writer.key("links"), profile);
  writer.key("nodes").begin_array();
  for (const auto& [name, time] : profile.measured.times) {
    writer.begin_object(kInline).member("signature", name).member("alone_s", time.alone_s);
    writer.member("crowded_s", time.crowded_s).end();
  }
  writer.end().end();
  return std::move(writer).take();
}

}  // namespace mp
