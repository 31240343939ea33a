// The devices a model is placed on, and the links between them.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "lib/base/ids.hpp"
#include "lib/cluster/efficiency.hpp"
#include "lib/cluster/measured_times.hpp"
#include "lib/graph/types.hpp"

namespace mp {

struct DeviceType {
  std::string name;
  std::int64_t memory_bytes = 0;           // 0: not limited
  std::map<DataType, double> flops_per_s;  // peak, by element type; float32 must be there
  double memory_bandwidth_bytes_per_s = 0.0;
  double launch_overhead_s = 0.0;                      // per node
  std::vector<EfficiencyCurve> efficiency = {};        // of the peaks; none: all of them
  std::shared_ptr<const MeasuredTimes> measured = {};  // a profile's; go before the roofline; in no file
  bool in_host_memory = false;  // a CPU that works in the host's memory: no transfer counts as its load
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

// Hosts in groups (a switch, a pod): consecutive `hosts` numbers 0 … hosts − 1, hosts … 2·hosts − 1, … are one group.
struct LinkLevel {
  std::int32_t hosts = 1;           // of a group
  Link between;                     // of two devices whose hosts are in different groups
  double uplink_bytes_per_s = 0.0;  // of a group, each direction, for all that leaves or enters it; 0: not limited
  friend bool operator==(const LinkLevel&, const LinkLevel&) = default;
};

// What several messages share at once: bytes/s, 0: not limited. lib/cluster/route.hpp says which message passes what.
struct SharedCapacities {
  double device_port_bytes_per_s = 0.0;    // of each device, each direction
  double switch_uplink_bytes_per_s = 0.0;  // of each switch within a host, each direction
  std::int32_t switch_devices = 0;         // consecutive devices of a host behind one switch; 0: no switches
  double host_bus_bytes_per_s = 0.0;       // of each host: everything between two devices of the host
  double host_network_bytes_per_s = 0.0;   // of each host, each direction: everything to and from other hosts
  friend bool operator==(const SharedCapacities&, const SharedCapacities&) = default;
};

// Who moves the bytes of a message. kBackground: the link, while both devices compute. kReceiver: the receiving device
// copies them when it comes to its receive, and computes nothing meanwhile (threads that share a memory).
enum class TransferBy : std::uint8_t { kBackground, kReceiver };

// Links come as a hierarchy (within a host, between hosts, between groups of hosts from the smallest to the largest)
// or, when `matrix` is not empty, one per ordered pair: matrix[from × devices + to].
struct Cluster {
  std::string name;
  std::vector<DeviceType> types;
  IdVector<DeviceId, ClusterDevice> devices;
  Link within_host;
  Link between_hosts;
  std::vector<Link> matrix;
  std::vector<LinkLevel> between_groups = {};
  SharedCapacities shared = {};
  TransferBy transfer_by = TransferBy::kBackground;
  double step_overhead_s = 0.0;  // of every step, on every device: starting it and collecting the loss

  [[nodiscard]] const DeviceType& type_of(DeviceId d) const { return types[static_cast<std::size_t>(devices[d].type)]; }
  [[nodiscard]] const Link& link(DeviceId from, DeviceId to) const;  // from ≠ to
  friend bool operator==(const Cluster&, const Cluster&) = default;
};

// What `--devices N` means: N equal devices of one generic type, on one host, fully connected; memory not limited.
[[nodiscard]] Cluster uniform_cluster(std::int32_t devices);

}  // namespace mp
