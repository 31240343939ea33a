#include "lib/files/cluster_file.hpp"

#include <string>

#include "lib/base/error.hpp"
#include "tests/lib/support/errors.hpp"
#include "tests/support/catch.hpp"

using mp::test::message_of;

namespace {

constexpr const char* kTypes =
    R"("types": [{"name": "t", "flops_per_s": {"float32": 1e12}, "memory_bandwidth_bytes_per_s": 1e11}])";
constexpr const char* kLinks = R"("links": {"within_host": {"bandwidth_bytes_per_s": 1e10}})";

mp::Cluster parse(const std::string& fields) {
  return mp::parse_cluster(R"({"format": "mp.cluster/1", )" + fields + "}", "f");
}

mp::Cluster with_devices(const std::string& devices) {
  return parse(std::string(kTypes) + R"(, "devices": )" + devices + ", " + kLinks);
}

std::string error_of(const std::string& fields) {
  return message_of<mp::InputError>([&] { static_cast<void>(parse(fields)); });
}

std::string error_with_devices(const std::string& devices) {
  return message_of<mp::InputError>([&] { static_cast<void>(with_devices(devices)); });
}

mp::Cluster two_kinds() {
  mp::Cluster cluster;
  cluster.name = "mixed";
  cluster.types = {
      {"fast", 80'000'000'000, {{mp::DataType::kFloat32, 6e13}, {mp::DataType::kBfloat16, 9e14}}, 3e12, 5e-6},
      {"slow", 0, {{mp::DataType::kFloat32, 1e11}}, 1e10, 0.0}};
  cluster.devices = {{"a", 0, 0}, {"b", 0, 0}, {"c", 1, 1}};
  cluster.within_host = {5e-6, 4.5e11};
  cluster.between_hosts = {1e-5, 5e10};
  return cluster;
}

}  // namespace

TEST_CASE("a cluster is read back as it was written", "[files]") {
  CHECK(mp::parse_cluster(mp::to_json(two_kinds()), "f") == two_kinds());
  CHECK(mp::parse_cluster(mp::to_json(mp::uniform_cluster(4)), "f") == mp::uniform_cluster(4));
  mp::Cluster matrix = two_kinds();
  matrix.within_host = {};
  matrix.between_hosts = {};
  matrix.matrix.assign(9, {1e-6, 1e9});
  matrix.matrix[5] = {2e-6, 2e9};
  for (const std::size_t self : {0U, 4U, 8U}) matrix.matrix[self] = {};
  CHECK(mp::parse_cluster(mp::to_json(matrix), "f") == matrix);
}

TEST_CASE("efficiency, groups of hosts, shared capacities and overheads are read back as written", "[files]") {
  mp::Cluster cluster = two_kinds();
  cluster.types[0].efficiency = {
      {.work = mp::WorkClass::kMatmul, .type = mp::DataType::kBfloat16, .points = {{1e6, 0.125}, {1e9, 0.75}}},
      {.work = mp::WorkClass::kMemory, .type = {}, .points = {{1e3, 0.5}}}};
  cluster.between_groups = {{.hosts = 2, .between = {1e-5, 1e10}, .uplink_bytes_per_s = 2e10},
                            {.hosts = 8, .between = {2e-5, 1e9}}};
  cluster.shared = {.device_port_bytes_per_s = 1e9,
                    .switch_uplink_bytes_per_s = 2e9,
                    .switch_devices = 2,
                    .host_bus_bytes_per_s = 3e9,
                    .host_network_bytes_per_s = 4e9};
  cluster.transfer_by = mp::TransferBy::kReceiver;
  cluster.step_overhead_s = 1e-5;
  CHECK(mp::parse_cluster(mp::to_json(cluster), "f") == cluster);
}

TEST_CASE("every mistake in efficiency and links has a message", "[files]") {
  const auto with_efficiency = [](const std::string& efficiency) {
    return error_of(R"("types": [{"name": "t", "flops_per_s": {"float32": 1e12}, "memory_bandwidth_bytes_per_s": 1e11,
                      "efficiency": )" +
                    efficiency + R"(}], "devices": [{}], )" + kLinks);
  };
  CHECK(with_efficiency(R"({"matmuls": {}})") ==
        "f: /types/0/efficiency/matmuls: unknown kind of work 'matmuls'; known: vector, matmul, convolution, "
        "attention, memory");
  CHECK(with_efficiency(R"({"matmul": {"float16": [[1, 0.5]]}})") ==
        "f: /types/0/efficiency/matmul/float16: unknown type 'float16'; known: float32, bfloat16, int64, any");
  CHECK(with_efficiency(R"({"matmul": {"any": []}})") ==
        "f: /types/0/efficiency/matmul/any: at least one point is needed");
  CHECK(with_efficiency(R"({"matmul": {"any": [[1, 0.5, 3]]}})") ==
        "f: /types/0/efficiency/matmul/any/0: a pair is expected: [size, fraction of the peak]");
  CHECK(with_efficiency(R"({"matmul": {"any": [[2, 0.5], [2, 1.5], [3, 0]]}})") ==
        "f: /types/0/efficiency/matmul/any/1/1: a fraction of the peak is at most 1\n"
        "f: /types/0/efficiency/matmul/any/1: sizes must ascend\n"
        "f: /types/0/efficiency/matmul/any/2/1: must be more than 0");
  const std::string two = std::string(kTypes) + R"(, "devices": [{"count": 2}], "links": )";
  const std::string within = R"({"within_host": {"bandwidth_bytes_per_s": 1e10}, )";
  CHECK(error_of(two + within + R"("between_groups": [{"hosts": 4, "bandwidth_bytes_per_s": 1}, {"hosts": 4}]})") ==
        "f: /links/between_groups/1: \"bandwidth_bytes_per_s\" is missing\n"
        "f: /links/between_groups/1: groups of 4 hosts after groups of 4: from small to large is expected");
  CHECK(error_of(two + within + R"("shared": {"switch": {"devices": 0}, "host_bus_bytes_per_s": 0}})") ==
        "f: /links/shared/host_bus_bytes_per_s: must be more than 0\n"
        "f: /links/shared/switch/devices: 0 is out of range: 1 to 4096 is expected\n"
        "f: /links/shared/switch: \"uplink_bytes_per_s\" is missing");
  CHECK(error_of(two + within + R"("transfer_by": "sender"})") ==
        "f: /links/transfer_by: unknown way 'sender'; known: background, receiver");
}

TEST_CASE("many equal devices are one line", "[files]") {
  const mp::Cluster cluster =
      with_devices(R"([{"name": "x", "host": 1}, {"name": "gpu", "count": 3, "host": 1}, {"host": 1}])");
  REQUIRE(cluster.devices.size() == 5);
  CHECK(cluster.devices[mp::DeviceId{0}] == mp::ClusterDevice{"x", 0, 1});
  CHECK(cluster.devices[mp::DeviceId{1}] == mp::ClusterDevice{"gpu1", 0, 1});
  CHECK(cluster.devices[mp::DeviceId{3}] == mp::ClusterDevice{"gpu3", 0, 1});
  CHECK(cluster.devices[mp::DeviceId{4}] == mp::ClusterDevice{"4", 0, 1});
  const mp::Cluster hosts =
      parse(std::string(kTypes) + R"(, "devices": [{"name": "d", "host": 2, "hosts": 3, "count": 2}],
      "links": {"within_host": {"bandwidth_bytes_per_s": 1}, "between_hosts": {"bandwidth_bytes_per_s": 1}})");
  REQUIRE(hosts.devices.size() == 6);
  CHECK(hosts.devices[mp::DeviceId{1}] == mp::ClusterDevice{"d1", 0, 2});
  CHECK(hosts.devices[mp::DeviceId{5}] == mp::ClusterDevice{"d5", 0, 4});
}

TEST_CASE("hosts need a link between them only where there are several", "[files]") {
  CHECK(with_devices(R"([{"count": 2}])").between_hosts.bandwidth_bytes_per_s == 1e10);
  CHECK(error_with_devices(R"([{"host": 0}, {"host": 1}])") == "f: /links: \"between_hosts\" is missing");
}

TEST_CASE("every mistake in a cluster file has a message", "[files]") {
  CHECK(error_with_devices("[]") == "f: /devices: at least one device is needed");
  CHECK(error_with_devices(R"([{"name": "a"}, {"name": "a"}])") == "f: /devices/1: another device is named 'a'");
  CHECK(error_with_devices(R"([{"type": "tt"}])") == "f: /devices/0/type: unknown device type 'tt'; known: t");
  CHECK(error_with_devices(R"([{"count": 1000000000}])") ==
        "f: /devices/0/count: 1000000000 is out of range: 1 to 4096 is expected");
  CHECK(error_with_devices(R"([{"count": 4096}, {}])") == "f: /devices/1: more than 4096 devices");
  CHECK(error_of("\"types\": [], \"devices\": []") == "f: /types: at least one device type is needed");
  CHECK(error_of(R"("types": [{"name": "t", "flops_per_s": {"float64": 1, "bfloat16": 0},
                     "memory_bandwidth_bytes_per_s": -1, "memory_bytes": -1}], "devices": [{}], )" +
                 std::string(kLinks)) ==
        "f: /types/0/memory_bytes: -1 is too small: 0 or more is expected\n"
        "f: /types/0/memory_bandwidth_bytes_per_s: must be more than 0\n"
        "f: /types/0/flops_per_s/float64: unknown type 'float64'; known: float32, bfloat16, int64\n"
        "f: /types/0/flops_per_s/bfloat16: must be more than 0\n"
        "f: /types/0/flops_per_s: \"float32\" is missing");
  const std::string two = std::string(kTypes) + R"(, "devices": [{"count": 2}], "links": )";
  CHECK(error_of(two + R"({"matrix": [[null]]})") ==
        "f: /links/matrix: 1 rows; the cluster has 2 devices\n"
        "f: /links/matrix/0: 1 links; the cluster has 2 devices");
  CHECK(error_of(two + R"({"within_host": {"latency_s": 1e-6}})") ==
        "f: /links/within_host: \"bandwidth_bytes_per_s\" is missing");
}
