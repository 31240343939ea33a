#include "lib/cluster/route.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <map>
#include <utility>

#include "lib/base/check.hpp"

namespace mp {

void Route::add(std::int32_t resource, double capacity) {
  MP_CHECK(size_ < kMaxHops);
  hops_[size_++] = {resource, capacity};
  bytes_per_s = std::min(bytes_per_s, capacity);
}

Routes::Routes(const Cluster& cluster) : cluster_(cluster) {
  MP_CHECK(cluster.between_groups.size() <= kMaxLinkLevels);
  const SharedCapacities& shared = cluster.shared;
  const auto devices = static_cast<std::int32_t>(cluster.devices.size());
  std::int32_t hosts = 0;
  for (const ClusterDevice& device : cluster.devices) hosts = std::max(hosts, device.host + 1);
  ports_ = kind_of(devices, shared.device_port_bytes_per_s);
  if (shared.switch_devices > 0) number_switches();
  buses_ = kind_of(hosts, shared.host_bus_bytes_per_s);
  networks_ = kind_of(hosts, shared.host_network_bytes_per_s);
  for (const LinkLevel& level : cluster.between_groups) {
    groups_.push_back(kind_of((hosts - 1) / level.hosts + 1, level.uplink_bytes_per_s));
  }
}

Routes::Kind Routes::kind_of(std::int32_t units, double bytes_per_s) {
  if (bytes_per_s <= 0.0) return {};
  return {std::exchange(resources_, resources_ + 2 * units), units, bytes_per_s};
}

// Consecutive devices of each host share a switch, switch_devices of them.
void Routes::number_switches() {
  std::map<std::int32_t, std::int32_t> seen;                              // devices of each host so far
  std::map<std::pair<std::int32_t, std::int32_t>, std::int32_t> numbers;  // of (host, switch of the host)
  for (const ClusterDevice& device : cluster_.devices) {
    const std::int32_t place = seen[device.host]++;
    const auto next = static_cast<std::int32_t>(numbers.size());
    switch_of_.push_back(
        numbers.emplace(std::pair(device.host, place / cluster_.shared.switch_devices), next).first->second);
  }
  switches_ = kind_of(static_cast<std::int32_t>(numbers.size()), cluster_.shared.switch_uplink_bytes_per_s);
}

void Routes::pass_out(Route& route, const Kind& kind, std::int32_t unit) {
  if (kind.units > 0) route.add(kind.first + 2 * unit, kind.bytes_per_s);
}

void Routes::pass_in(Route& route, const Kind& kind, std::int32_t unit) {
  if (kind.units > 0) route.add(kind.first + 2 * unit + 1, kind.bytes_per_s);
}

Route Routes::operator()(DeviceId from, DeviceId to) const {
  const Link& link = cluster_.link(from, to);
  Route route;
  route.latency_s = link.latency_s;
  route.bytes_per_s = link.bandwidth_bytes_per_s;
  const std::int32_t from_host = cluster_.devices[from].host;
  const std::int32_t to_host = cluster_.devices[to].host;
  const auto pass = [&route](const Kind& kind, std::int32_t out, std::int32_t in) {
    pass_out(route, kind, out);
    pass_in(route, kind, in);
  };
  pass(ports_, static_cast<std::int32_t>(index(from)), static_cast<std::int32_t>(index(to)));
  if (!switch_of_.empty() && switch_of_[index(from)] != switch_of_[index(to)]) {
    pass(switches_, switch_of_[index(from)], switch_of_[index(to)]);
  }
  if (from_host == to_host) {
    pass_out(route, buses_, from_host);
    return route;
  }
  pass(networks_, from_host, to_host);
  for (std::size_t level = 0; level < groups_.size(); ++level) {
    const std::int32_t hosts = cluster_.between_groups[level].hosts;
    if (from_host / hosts != to_host / hosts) pass(groups_[level], from_host / hosts, to_host / hosts);
  }
  return route;
}

std::string Routes::name(std::int32_t resource) const {
  const auto unit_in = [resource](const Kind& kind) {
    const std::int32_t unit = (resource - kind.first) / 2;
    return kind.units > 0 && resource >= kind.first && unit < kind.units ? unit : -1;
  };
  // Every kind begins at an even number.
  const char* way = resource % 2 == 0 ? "out" : "in";
  if (const std::int32_t u = unit_in(ports_); u >= 0) {
    return fmt::format("{} {}", cluster_.devices[make_id<DeviceId>(u)].name, way);
  }
  if (const std::int32_t u = unit_in(switches_); u >= 0) return fmt::format("switch {} {}", u, way);
  if (const std::int32_t u = unit_in(buses_); u >= 0) return fmt::format("host {} bus", u);
  if (const std::int32_t u = unit_in(networks_); u >= 0) return fmt::format("host {} network {}", u, way);
  for (std::size_t level = 0; level < groups_.size(); ++level) {
    const std::int32_t u = unit_in(groups_[level]);
    if (u >= 0) return fmt::format("group {} of {} hosts {}", u, cluster_.between_groups[level].hosts, way);
  }
  MP_CHECK(false);
  return {};
}

}  // namespace mp
