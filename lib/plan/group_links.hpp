// How fast stages and replicas exchange bytes: the slowest way between two groups of devices, and inside one.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "lib/cluster/cluster.hpp"
#include "lib/cluster/route.hpp"
#include "lib/plan/plan.hpp"

namespace mp {

// The greater latency, the lesser bandwidth.
[[nodiscard]] Link slower(const Link& a, const Link& b);

class GroupLinks {
 public:
  // The cluster must outlive it.
  explicit GroupLinks(const Cluster& cluster);

  [[nodiscard]] const Cluster& cluster() const { return cluster_; }
  // Microbatch m goes from member m mod (members before) to member m mod (members here), and its gradient back: the
  // slowest of these ways. Without latency and of infinite bandwidth where no two devices differ.
  [[nodiscard]] Link between(const ReplicaGroup& before, const ReplicaGroup& here) const;
  // The slowest way around the members in their order, when all groups of a host exchange at once.
  [[nodiscard]] Link around(const ReplicaGroup& group) const;
  // Until the members of a group have the sum of what each has, `bytes` long: a ring all-reduce sends each byte twice,
  // less one member's share (Patarasuk & Yuan, JPDC 2009).
  [[nodiscard]] double all_reduce_seconds(const ReplicaGroup& group, std::int64_t bytes) const;

 private:
  [[nodiscard]] Link way(DeviceId from, DeviceId to) const;

  const Cluster& cluster_;
  Routes routes_;
  std::map<std::int32_t, std::int32_t> devices_of_host_;
};

}  // namespace mp
