#include "lib/files/cluster_links.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <string_view>
#include <vector>

#include "lib/cluster/route.hpp"
#include "lib/files/cluster_file.hpp"

namespace mp {
namespace {

constexpr auto kInline = JsonWriter::Layout::kInline;
constexpr std::array<std::string_view, 2> kTransferBy = {"background", "receiver"};

Link link_of(const JsonObject& fields) {
  return {.latency_s = fields["latency_s"].number_at_least(0.0),
          .bandwidth_bytes_per_s = fields.require("bandwidth_bytes_per_s").positive_number()};
}

Link read_link(JsonValue value) { return link_of(value.object({"latency_s", "bandwidth_bytes_per_s"})); }

void write_link_members(JsonWriter& writer, const Link& link) {
  writer.member("latency_s", link.latency_s).member("bandwidth_bytes_per_s", link.bandwidth_bytes_per_s);
}

void write_link(JsonWriter& writer, const Link& link) {
  writer.begin_object(kInline);
  write_link_members(writer, link);
  writer.end();
}

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

std::vector<LinkLevel> read_levels(JsonValue value) {
  std::vector<LinkLevel> levels;
  for (const JsonValue item : value.items()) {
    const JsonObject fields = item.object({"hosts", "latency_s", "bandwidth_bytes_per_s", "uplink_bytes_per_s"});
    LinkLevel level{.hosts = static_cast<std::int32_t>(fields.require("hosts").integer(1, kMaxDevices)),
                    .between = link_of(fields)};
    const JsonValue uplink = fields["uplink_bytes_per_s"];
    if (uplink.present()) level.uplink_bytes_per_s = uplink.positive_number();
    if (!levels.empty() && level.hosts <= levels.back().hosts) {
      item.issue(fmt::format("groups of {} hosts after groups of {}: from small to large is expected", level.hosts,
                             levels.back().hosts));
    }
    levels.push_back(level);
  }
  if (levels.size() > kMaxLinkLevels) {
    value.issue(fmt::format("{} levels; {} are the most", levels.size(), kMaxLinkLevels));
    levels.resize(kMaxLinkLevels);
  }
  return levels;
}

SharedCapacities read_shared(JsonValue value) {
  const JsonObject fields =
      value.object({"device_port_bytes_per_s", "switch", "host_bus_bytes_per_s", "host_network_bytes_per_s"});
  const auto capacity = [](JsonValue field) { return field.present() ? field.positive_number() : 0.0; };
  SharedCapacities shared{.device_port_bytes_per_s = capacity(fields["device_port_bytes_per_s"]),
                          .host_bus_bytes_per_s = capacity(fields["host_bus_bytes_per_s"]),
                          .host_network_bytes_per_s = capacity(fields["host_network_bytes_per_s"])};
  if (fields["switch"].present()) {
    const JsonObject of_switch = fields["switch"].object({"devices", "uplink_bytes_per_s"});
    shared.switch_devices = static_cast<std::int32_t>(of_switch.require("devices").integer(1, kMaxDevices));
    shared.switch_uplink_bytes_per_s = of_switch.require("uplink_bytes_per_s").positive_number();
  }
  return shared;
}

void write_matrix(JsonWriter& writer, const Cluster& cluster) {
  writer.begin_array();
  for (std::size_t from = 0; from < cluster.devices.size(); ++from) {
    writer.begin_array(kInline);
    for (std::size_t to = 0; to < cluster.devices.size(); ++to) {
      if (from == to) {
        writer.null();
      } else {
        write_link(writer, cluster.matrix[from * cluster.devices.size() + to]);
      }
    }
    writer.end();
  }
  writer.end();
}

void write_levels(JsonWriter& writer, const std::vector<LinkLevel>& levels) {
  writer.begin_array();
  for (const LinkLevel& level : levels) {
    writer.begin_object(kInline).member("hosts", level.hosts);
    write_link_members(writer, level.between);
    if (level.uplink_bytes_per_s > 0.0) writer.member("uplink_bytes_per_s", level.uplink_bytes_per_s);
    writer.end();
  }
  writer.end();
}

void write_shared(JsonWriter& writer, const SharedCapacities& shared) {
  writer.begin_object(kInline);
  const auto capacity = [&writer](std::string_view name, double value) {
    if (value > 0.0) writer.member(name, value);
  };
  capacity("device_port_bytes_per_s", shared.device_port_bytes_per_s);
  if (shared.switch_devices > 0) {
    writer.key("switch").begin_object().member("devices", shared.switch_devices);
    writer.member("uplink_bytes_per_s", shared.switch_uplink_bytes_per_s).end();
  }
  capacity("host_bus_bytes_per_s", shared.host_bus_bytes_per_s);
  capacity("host_network_bytes_per_s", shared.host_network_bytes_per_s);
  writer.end();
}

// False where a matrix stands instead.
bool read_hierarchy(const JsonObject& fields, Cluster& cluster) {
  if (fields["matrix"].present()) {
    for (const std::string_view key : {"within_host", "between_hosts", "between_groups"}) {
      fields[key].issue("a matrix says it all: one or the other");
    }
    return false;
  }
  cluster.within_host = read_link(fields.require("within_host"));
  const bool one_host = std::all_of(cluster.devices.begin(), cluster.devices.end(),
                                    [&](const ClusterDevice& d) { return d.host == cluster.devices.begin()->host; });
  const bool given = fields["between_hosts"].present() || !one_host;
  cluster.between_hosts = given ? read_link(fields.require("between_hosts")) : cluster.within_host;
  cluster.between_groups = read_levels(fields["between_groups"]);
  return true;
}

}  // namespace

void read_links(JsonValue value, Cluster& cluster) {
  const JsonObject fields =
      value.object({"within_host", "between_hosts", "between_groups", "matrix", "shared", "transfer_by"});
  if (!read_hierarchy(fields, cluster)) cluster.matrix = read_matrix(fields["matrix"], cluster.devices.size());
  if (fields["shared"].present()) cluster.shared = read_shared(fields["shared"]);
  if (fields["transfer_by"].present()) {
    cluster.transfer_by = static_cast<TransferBy>(fields["transfer_by"].choice("way", kTransferBy));
  }
}

void write_links(JsonWriter& writer, const Cluster& cluster) {
  writer.begin_object();
  if (cluster.matrix.empty()) {
    write_link(writer.key("within_host"), cluster.within_host);
    write_link(writer.key("between_hosts"), cluster.between_hosts);
    if (!cluster.between_groups.empty()) write_levels(writer.key("between_groups"), cluster.between_groups);
  } else {
    write_matrix(writer.key("matrix"), cluster);
  }
  if (cluster.shared != SharedCapacities{}) write_shared(writer.key("shared"), cluster.shared);
  if (cluster.transfer_by != TransferBy::kBackground) {
    writer.member("transfer_by", kTransferBy[static_cast<std::size_t>(cluster.transfer_by)]);
  }
  writer.end();
}

}  // namespace mp
