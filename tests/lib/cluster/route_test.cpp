#include "lib/cluster/route.hpp"

#include <string>
#include <vector>

#include "tests/support/catch.hpp"

using mp::DeviceId;

namespace {

// Two hosts with four devices each, two switches in each host; everything limited.
mp::Cluster two_hosts() {
  mp::Cluster cluster = mp::uniform_cluster(8);
  for (int d = 0; d < 8; ++d) {
    cluster.devices[mp::make_id<DeviceId>(d)] = {.name = "gpu" + std::to_string(d), .type = 0, .host = d / 4};
  }
  cluster.within_host = {.latency_s = 1e-6, .bandwidth_bytes_per_s = 20.0};
  cluster.between_hosts = {.latency_s = 1e-5, .bandwidth_bytes_per_s = 10.0};
  cluster.shared = {.device_port_bytes_per_s = 25.0,
                    .switch_uplink_bytes_per_s = 30.0,
                    .switch_devices = 2,
                    .host_bus_bytes_per_s = 64.0,
                    .host_network_bytes_per_s = 40.0};
  return cluster;
}

std::vector<std::string> names(const mp::Routes& routes, int from, int to) {
  std::vector<std::string> names;
  const mp::Route route = routes(mp::make_id<DeviceId>(from), mp::make_id<DeviceId>(to));
  for (const mp::RouteHop& hop : route.hops()) {
    CHECK(hop.resource >= 0);
    CHECK(hop.resource < routes.resources());
    names.push_back(routes.name(hop.resource));
  }
  return names;
}

}  // namespace

TEST_CASE("a message passes the ports, switches, buses and networks on its way", "[cluster][route]") {
  const mp::Cluster cluster = two_hosts();
  const mp::Routes routes(cluster);
  using Names = std::vector<std::string>;
  CHECK(names(routes, 0, 1) == Names{"gpu0 out", "gpu1 in", "host 0 bus"});
  CHECK(names(routes, 3, 0) == Names{"gpu3 out", "gpu0 in", "switch 1 out", "switch 0 in", "host 0 bus"});
  CHECK(names(routes, 2, 7) ==
        Names{"gpu2 out", "gpu7 in", "switch 1 out", "switch 3 in", "host 0 network out", "host 1 network in"});
}

TEST_CASE("a route is as fast as its slowest part, and what is not limited is not shared", "[cluster][route]") {
  mp::Cluster cluster = two_hosts();
  CHECK(mp::Routes(cluster)(DeviceId{0}, DeviceId{1}).bytes_per_s == 20.0);
  cluster.shared.device_port_bytes_per_s = 5.0;
  CHECK(mp::Routes(cluster)(DeviceId{0}, DeviceId{1}).bytes_per_s == 5.0);
  CHECK(mp::Routes(cluster)(DeviceId{0}, DeviceId{5}).seconds(50) == Approx(1e-5 + 10.0));
  cluster.shared = {};
  const mp::Routes routes(cluster);
  CHECK(routes.resources() == 0);
  const mp::Route direct = routes(DeviceId{0}, DeviceId{5});
  CHECK(direct.hops().empty());
  CHECK(routes(DeviceId{0}, DeviceId{5}).bytes_per_s == 10.0);
}

TEST_CASE("hosts in different groups take the link of the largest groups that differ", "[cluster][route]") {
  mp::Cluster cluster = mp::uniform_cluster(8);
  for (int d = 0; d < 8; ++d) cluster.devices[mp::make_id<DeviceId>(d)].host = d;
  cluster.between_hosts = {.latency_s = 1.0, .bandwidth_bytes_per_s = 100.0};
  cluster.between_groups = {{.hosts = 2, .between = {2.0, 50.0}, .uplink_bytes_per_s = 80.0},
                            {.hosts = 4, .between = {3.0, 50.0}, .uplink_bytes_per_s = 20.0}};
  CHECK(cluster.link(DeviceId{0}, DeviceId{1}).latency_s == 1.0);
  CHECK(cluster.link(DeviceId{0}, DeviceId{2}).latency_s == 2.0);
  CHECK(cluster.link(DeviceId{3}, DeviceId{4}).latency_s == 3.0);
  const mp::Routes routes(cluster);
  CHECK(names(routes, 0, 1).empty());
  CHECK(names(routes, 0, 2) == std::vector<std::string>{"group 0 of 2 hosts out", "group 1 of 2 hosts in"});
  CHECK(names(routes, 7, 3) == std::vector<std::string>{"group 3 of 2 hosts out", "group 1 of 2 hosts in",
                                                        "group 1 of 4 hosts out", "group 0 of 4 hosts in"});
  CHECK(routes(DeviceId{7}, DeviceId{3}).bytes_per_s == 20.0);
}
