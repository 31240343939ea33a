// The devices a model is placed on, and the links between them.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "lib/base/ids.hpp"
#include "lib/graph/types.hpp"

namespace mp {

struct DeviceType {
  std::string name;
  std::int64_t memory_bytes = 0;           // 0: not limited
  std::map<DataType, double> flops_per_s;  // peak, by element type; float32 must be there
  double memory_bandwidth_bytes_per_s = 0.0;
  double launch_overhead_s = 0.0;  // per node
  friend bool operator==(const DeviceType&, const DeviceType&) = default;
};

struct ClusterDevice {
  std::string name;
  std::int32_t type = 0;  // position in Cluster::types
  std::int32_t host = 0;
  friend bool operator==(const ClusterDevice&, const ClusterDevice&) = default;
};

// Time of a message of n bytes: latency_s + n / bandwidth_bytes_per_s.
struct Link {
  double latency_s = 0.0;
  double bandwidth_bytes_per_s = 0.0;
  friend bool operator==(const Link&, const Link&) = default;
};

// Links come as a hierarchy (within a host, between hosts) or, when `matrix` is not empty, one per ordered pair:
// matrix[from × devices + to].
struct Cluster {
  std::string name;
  std::vector<DeviceType> types;
  IdVector<DeviceId, ClusterDevice> devices;
  Link within_host;
  Link between_hosts;
  std::vector<Link> matrix;

  [[nodiscard]] const DeviceType& type_of(DeviceId d) const { return types[static_cast<std::size_t>(devices[d].type)]; }
  [[nodiscard]] const Link& link(DeviceId from, DeviceId to) const;  // from ≠ to
  friend bool operator==(const Cluster&, const Cluster&) = default;
};

// What `--devices N` means: N equal devices of one generic type, on one host, fully connected; memory not limited.
[[nodiscard]] Cluster uniform_cluster(std::int32_t devices);

}  // namespace mp
