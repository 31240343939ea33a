#include "lib/plan/group_links.hpp"

#include <algorithm>
#include <limits>

namespace mp {
namespace {

constexpr Link kNoWay{.latency_s = 0.0, .bandwidth_bytes_per_s = std::numeric_limits<double>::infinity()};

}  // namespace

Link slower(const Link& a, const Link& b) {
  return {.latency_s = std::max(a.latency_s, b.latency_s),
          .bandwidth_bytes_per_s = std::min(a.bandwidth_bytes_per_s, b.bandwidth_bytes_per_s)};
}

GroupLinks::GroupLinks(const Cluster& cluster) : cluster_(cluster), routes_(cluster) {
  for (const ClusterDevice& device : cluster.devices) ++devices_of_host_[device.host];
}

Link GroupLinks::way(DeviceId from, DeviceId to) const {
  const Route route = routes_(from, to);
  return {.latency_s = route.latency_s, .bandwidth_bytes_per_s = route.bytes_per_s};
}

Link GroupLinks::between(const ReplicaGroup& before, const ReplicaGroup& here) const {
  Link slowest = kNoWay;
  for (std::size_t i = 0; i < std::max(before.size(), here.size()); ++i) {
    const DeviceId from = before[i % before.size()];
    const DeviceId to = here[i % here.size()];
    if (from != to) slowest = slower(slowest, slower(way(from, to), way(to, from)));
  }
  return slowest;
}

Link GroupLinks::around(const ReplicaGroup& group) const {
  Link slowest = kNoWay;
  if (group.size() < 2) return slowest;
  std::map<std::int32_t, std::int32_t> members_of_host;
  for (const DeviceId d : group) ++members_of_host[cluster_.devices[d].host];
  for (std::size_t i = 0; i < group.size(); ++i) {
    const DeviceId from = group[i];
    const DeviceId to = group[(i + 1) % group.size()];
    Link link = way(from, to);
    const std::int32_t host = cluster_.devices[from].host;
    if (host != cluster_.devices[to].host && cluster_.shared.host_network_bytes_per_s > 0.0) {
      const double groups = static_cast<double>(devices_of_host_.at(host)) / members_of_host.at(host);
      link.bandwidth_bytes_per_s =
          std::min(link.bandwidth_bytes_per_s, cluster_.shared.host_network_bytes_per_s / groups);
    }
    slowest = slower(slowest, link);
  }
  return slowest;
}

double GroupLinks::all_reduce_seconds(const ReplicaGroup& group, std::int64_t bytes) const {
  if (group.size() < 2 || bytes == 0) return 0.0;
  const auto members = static_cast<double>(group.size());
  const Link link = around(group);
  return 2.0 * (members - 1.0) * (link.latency_s + static_cast<double>(bytes) / members / link.bandwidth_bytes_per_s);
}

}  // namespace mp
