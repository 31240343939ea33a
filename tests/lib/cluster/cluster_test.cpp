#include "lib/cluster/cluster.hpp"

#include "tests/support/catch.hpp"

using mp::DeviceId;
using mp::Link;

TEST_CASE("links follow the hosts, or the matrix where there is one", "[cluster]") {
  mp::Cluster cluster = mp::uniform_cluster(3);
  cluster.devices[DeviceId{2}].host = 1;
  cluster.within_host = {.latency_s = 1e-6, .bandwidth_bytes_per_s = 1e11};
  cluster.between_hosts = {.latency_s = 1e-5, .bandwidth_bytes_per_s = 1e10};
  CHECK(cluster.link(DeviceId{0}, DeviceId{1}) == cluster.within_host);
  CHECK(cluster.link(DeviceId{1}, DeviceId{2}) == cluster.between_hosts);
  cluster.matrix.assign(9, Link{});
  cluster.matrix[1 * 3 + 2] = {.latency_s = 7.0, .bandwidth_bytes_per_s = 1.0};
  CHECK(cluster.link(DeviceId{1}, DeviceId{2}).latency_s == 7.0);
  CHECK(cluster.link(DeviceId{2}, DeviceId{1}).latency_s == 0.0);
}

TEST_CASE("N devices mean N equal devices without limits", "[cluster]") {
  const mp::Cluster cluster = mp::uniform_cluster(4);
  REQUIRE(cluster.devices.size() == 4);
  CHECK(cluster.types.size() == 1);
  CHECK(cluster.devices[DeviceId{3}].name == "3");
  CHECK(cluster.type_of(DeviceId{3}).memory_bytes == 0);
  CHECK(cluster.type_of(DeviceId{0}).flops_per_s.at(mp::DataType::kFloat32) > 0.0);
  CHECK(cluster.link(DeviceId{0}, DeviceId{3}) == cluster.link(DeviceId{2}, DeviceId{1}));
}
