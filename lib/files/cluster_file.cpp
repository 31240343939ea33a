#include "lib/files/cluster_file.hpp"

#include <set>
#include <utility>

#include <fmt/format.h>

#include "lib/base/text.hpp"
#include "lib/files/atomic_file.hpp"
#include "lib/files/cluster_links.hpp"
#include "lib/files/device_type_fields.hpp"

namespace mp {
namespace {

// Reads the devices of one entry: one, or `count` of them on each of `hosts` hosts with numbered names.
class DeviceReader {
 public:
  explicit DeviceReader(const std::vector<DeviceType>& types) {
    for (const DeviceType& type : types) type_names_.push_back(type.name);
  }

  void read(JsonValue value, Cluster& cluster) {
    const JsonObject fields = value.object({"name", "type", "host", "hosts", "count"});
    ClusterDevice device;
    if (fields["type"].present() || type_names_.size() != 1) {
      device.type = static_cast<std::int32_t>(fields.require("type").choice("device type", type_names_));
    }
    device.host = static_cast<std::int32_t>(fields["host"].integer(0, kMaxDevices));
    const auto number = [&](std::string_view key) {
      return fields[key].present() ? fields[key].integer(1, kMaxDevices) : std::int64_t{1};
    };
    const bool numbered = fields["count"].present() || fields["hosts"].present() || !fields["name"].present();
    const std::int64_t count = number("count");
    const std::int64_t all = count * number("hosts");
    const std::string name = fields["name"].string();
    for (std::int64_t i = 0; i < all; ++i) {
      if (i > 0 && i % count == 0) ++device.host;
      if (static_cast<std::int64_t>(cluster.devices.size()) == kMaxDevices) {
        value.issue(fmt::format("more than {} devices", kMaxDevices));
        return;
      }
      device.name = numbered ? fmt::format("{}{}", name, cluster.devices.size()) : name;
      if (device.name.empty()) fields["name"].issue("must not be empty");
      if (!names_.insert(device.name).second) value.issue("another device is named " + quoted(device.name));
      cluster.devices.push_back(device);
    }
  }

 private:
  std::vector<std::string_view> type_names_;
  std::set<std::string> names_;
};

void write_members(JsonWriter& writer, const Cluster& cluster) {
  if (!cluster.name.empty()) writer.member("name", cluster.name);
  writer.key("types").begin_array();
  for (const DeviceType& type : cluster.types) write_device_type(writer, type);
  writer.end().key("devices").begin_array();
  for (const ClusterDevice& device : cluster.devices) {
    writer.begin_object(JsonWriter::Layout::kInline).member("name", device.name);
    writer.member("type", cluster.types[static_cast<std::size_t>(device.type)].name).member("host", device.host).end();
  }
  writer.end();
  write_links(writer.key("links"), cluster);
  if (cluster.step_overhead_s > 0.0) writer.member("step_overhead_s", cluster.step_overhead_s);
}

}  // namespace

Cluster read_cluster_fields(JsonValue value) {
  const JsonObject fields =
      value.object({"format", "name", "description", "types", "devices", "links", "step_overhead_s"});
  Cluster cluster;
  cluster.name = fields["name"].string();
  std::set<std::string> type_names;
  for (const JsonValue item : fields.require("types").items()) {
    cluster.types.push_back(read_device_type(item));
    if (!type_names.insert(cluster.types.back().name).second) item.issue("another type has this name");
  }
  if (cluster.types.empty()) {
    fields["types"].issue("at least one device type is needed");
    return cluster;
  }
  DeviceReader reader(cluster.types);
  for (const JsonValue item : fields.require("devices").items()) reader.read(item, cluster);
  if (cluster.devices.empty()) {
    fields["devices"].issue("at least one device is needed");
    return cluster;
  }
  read_links(fields.require("links"), cluster);
  cluster.step_overhead_s = fields["step_overhead_s"].number_at_least(0.0);
  return cluster;
}

Cluster parse_cluster(std::string_view text, const std::string& source) {
  JsonDocument document(text, source);
  document.require_format(kClusterFormat);
  Cluster cluster = read_cluster_fields(document.root());
  document.finish();
  return cluster;
}

Cluster read_cluster(const std::string& path) { return parse_cluster(read_file(path), path); }

void write_cluster_fields(JsonWriter& writer, const Cluster& cluster) {
  writer.begin_object();
  write_members(writer, cluster);
  writer.end();
}

std::string to_json(const Cluster& cluster) {
  JsonWriter writer;
  writer.begin_object().member("format", kClusterFormat);
  write_members(writer, cluster);
  writer.end();
  return std::move(writer).take();
}

}  // namespace mp
