#include "lib/files/cluster_file.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "lib/base/text.hpp"
#include "lib/files/atomic_file.hpp"

namespace mp {
namespace {

constexpr std::array kTypes = {DataType::kFloat32, DataType::kBfloat16, DataType::kInt64};

double read_positive(JsonValue value) {
  const double number = value.number();
  if (value.is_number() && number <= 0.0) value.issue("must be more than 0");
  return number;
}

Link read_link(JsonValue value) {
  const JsonObject fields = value.object({"latency_s", "bandwidth_bytes_per_s"});
  return {.latency_s = fields["latency_s"].number_at_least(0.0),
          .bandwidth_bytes_per_s = read_positive(fields.require("bandwidth_bytes_per_s"))};
}

void write_link(JsonWriter& writer, const Link& link) {
  writer.begin_object(JsonWriter::Layout::kInline).member("latency_s", link.latency_s);
  writer.member("bandwidth_bytes_per_s", link.bandwidth_bytes_per_s).end();
}

DeviceType read_type(JsonValue value) {
  const JsonObject fields =
      value.object({"name", "memory_bytes", "flops_per_s", "memory_bandwidth_bytes_per_s", "launch_overhead_s"});
  DeviceType type{.name = fields.require("name").nonempty_string(),
                  .memory_bytes = fields["memory_bytes"].integer(0),
                  .flops_per_s = {},
                  .memory_bandwidth_bytes_per_s = read_positive(fields.require("memory_bandwidth_bytes_per_s")),
                  .launch_overhead_s = fields["launch_overhead_s"].number_at_least(0.0)};
  const JsonValue speeds = fields.require("flops_per_s");
  for (const auto& [name, speed] : speeds.members()) {
    const auto* known =
        std::find_if(kTypes.begin(), kTypes.end(), [&, key = name](DataType t) { return name_of(t) == key; });
    if (known == kTypes.end()) {
      speed.issue(fmt::format("unknown type {}; known: float32, bfloat16, int64", quoted(name)));
    } else {
      type.flops_per_s[*known] = read_positive(speed);
    }
  }
  if (speeds.kind() == JsonKind::kObject && !type.flops_per_s.contains(DataType::kFloat32)) {
    speeds.issue("\"float32\" is missing");
  }
  return type;
}

// Reads the devices of one entry: one, or `count` of them with numbered names.
class DeviceReader {
 public:
  explicit DeviceReader(const std::vector<DeviceType>& types) {
    for (const DeviceType& type : types) type_names_.push_back(type.name);
  }

  void read(JsonValue value, Cluster& cluster) {
    const JsonObject fields = value.object({"name", "type", "host", "count"});
    ClusterDevice device;
    if (fields["type"].present() || type_names_.size() != 1) {
      device.type = static_cast<std::int32_t>(fields.require("type").choice("device type", type_names_));
    }
    device.host = static_cast<std::int32_t>(fields["host"].integer(0, kMaxDevices));
    const bool numbered = fields["count"].present() || !fields["name"].present();
    const std::int64_t count = fields["count"].present() ? fields["count"].integer(1, kMaxDevices) : 1;
    const std::string name = fields["name"].string();
    for (std::int64_t i = 0; i < count; ++i) {
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

std::vector<Link> read_matrix(JsonValue value, std::size_t devices) {
  std::vector<Link> matrix;
  const std::vector<JsonValue> rows = value.items();
  if (value.kind() == JsonKind::kArray && rows.size() != devices) {
    value.issue(fmt::format("{} rows; the cluster has {} devices", rows.size(), devices));
  }
  for (std::size_t from = 0; from < rows.size(); ++from) {
    const std::vector<JsonValue> row = rows[from].items();
    if (rows[from].kind() == JsonKind::kArray && row.size() != devices) {
      rows[from].issue(fmt::format("{} links; the cluster has {} devices", row.size(), devices));
    }
    for (std::size_t to = 0; to < row.size(); ++to) {
      const bool is_self = from == to && row[to].kind() == JsonKind::kNull;  // a device has no link to itself
      matrix.push_back(is_self ? Link{} : read_link(row[to]));
    }
  }
  return matrix;
}

void read_links(JsonValue value, Cluster& cluster) {
  const JsonObject fields = value.object({"within_host", "between_hosts", "matrix"});
  if (fields["matrix"].present()) {
    for (const std::string_view key : {"within_host", "between_hosts"}) {
      fields[key].issue("a matrix says it all: one or the other");
    }
    cluster.matrix = read_matrix(fields["matrix"], cluster.devices.size());
    return;
  }
  cluster.within_host = read_link(fields.require("within_host"));
  const bool one_host = std::all_of(cluster.devices.begin(), cluster.devices.end(),
                                    [&](const ClusterDevice& d) { return d.host == cluster.devices.begin()->host; });
  const bool given = fields["between_hosts"].present() || !one_host;
  cluster.between_hosts = given ? read_link(fields.require("between_hosts")) : cluster.within_host;
}

void write_links(JsonWriter& writer, const Cluster& cluster) {
  writer.begin_object();
  if (cluster.matrix.empty()) {
    write_link(writer.key("within_host"), cluster.within_host);
    write_link(writer.key("between_hosts"), cluster.between_hosts);
    writer.end();
    return;
  }
  writer.key("matrix").begin_array();
  for (std::size_t from = 0; from < cluster.devices.size(); ++from) {
    writer.begin_array(JsonWriter::Layout::kInline);
    for (std::size_t to = 0; to < cluster.devices.size(); ++to) {
      if (from == to) {
        writer.null();
      } else {
        write_link(writer, cluster.matrix[from * cluster.devices.size() + to]);
      }
    }
    writer.end();
  }
  writer.end().end();
}

void write_type(JsonWriter& writer, const DeviceType& type) {
  writer.begin_object(JsonWriter::Layout::kInline).member("name", type.name);
  if (type.memory_bytes != 0) writer.member("memory_bytes", type.memory_bytes);
  writer.key("flops_per_s").begin_object();
  for (const auto& [data_type, speed] : type.flops_per_s) writer.member(name_of(data_type), speed);
  writer.end().member("memory_bandwidth_bytes_per_s", type.memory_bandwidth_bytes_per_s);
  writer.member("launch_overhead_s", type.launch_overhead_s).end();
}

void write_members(JsonWriter& writer, const Cluster& cluster) {
  if (!cluster.name.empty()) writer.member("name", cluster.name);
  writer.key("types").begin_array();
  for (const DeviceType& type : cluster.types) write_type(writer, type);
  writer.end().key("devices").begin_array();
  for (const ClusterDevice& device : cluster.devices) {
    writer.begin_object(JsonWriter::Layout::kInline).member("name", device.name);
    writer.member("type", cluster.types[static_cast<std::size_t>(device.type)].name).member("host", device.host).end();
  }
  writer.end();
  write_links(writer.key("links"), cluster);
}

}  // namespace

Cluster read_cluster_fields(JsonValue value) {
  const JsonObject fields = value.object({"format", "name", "description", "types", "devices", "links"});
  Cluster cluster;
  cluster.name = fields["name"].string();
  std::set<std::string> type_names;
  for (const JsonValue item : fields.require("types").items()) {
    cluster.types.push_back(read_type(item));
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
