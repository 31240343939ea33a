#include "lib/cluster/cluster.hpp"

#include <fmt/core.h>

#include "lib/base/check.hpp"

namespace mp {
namespace {

// One core of a current server processor with AVX-512, and its share of the memory, as measured with oneDNN: about 100
// GFLOP/s in float32 and twice that in bfloat16, 10 GB/s, a few microseconds to look up and start a kernel. Only the
// ratios matter to a cut; users who want seconds give a cluster file.
DeviceType generic_device() {
  return {.name = "generic",
          .memory_bytes = 0,
          .flops_per_s = {{DataType::kFloat32, 100e9}, {DataType::kBfloat16, 200e9}},
          .memory_bandwidth_bytes_per_s = 10e9,
          .launch_overhead_s = 2e-6};
}

// Hand-over between threads of one process: one copy through the same memory.
constexpr Link kGenericLink = {.latency_s = 5e-6, .bandwidth_bytes_per_s = 10e9};

}  // namespace

const Link& Cluster::link(DeviceId from, DeviceId to) const {
  MP_CHECK(from != to && devices.contains(from) && devices.contains(to));
  if (!matrix.empty()) return matrix[index(from) * devices.size() + index(to)];
  const std::int32_t from_host = devices[from].host;
  const std::int32_t to_host = devices[to].host;
  if (from_host == to_host) return within_host;
  const Link* link = &between_hosts;
  for (const LinkLevel& level : between_groups) {
    if (from_host / level.hosts != to_host / level.hosts) link = &level.between;
  }
  return *link;
}

Cluster uniform_cluster(std::int32_t devices) {
  MP_CHECK(devices >= 1);
  Cluster cluster{.name = fmt::format("{} equal devices", devices),
                  .types = {generic_device()},
                  .devices = {},
                  .within_host = kGenericLink,
                  .between_hosts = kGenericLink,
                  .matrix = {}};
  for (std::int32_t d = 0; d < devices; ++d)
    cluster.devices.push_back({.name = fmt::format("{}", d), .type = 0, .host = 0});
  return cluster;
}

}  // namespace mp
