// How long a collective takes, and what goes where in it.
#pragma once

#include <cstdint>
#include <vector>

#include "lib/base/ids.hpp"
#include "lib/cluster/route.hpp"
#include "lib/program/program.hpp"

namespace mp {

struct RingHop {
  DeviceId from = kNone<DeviceId>;
  DeviceId to = kNone<DeviceId>;
  std::int64_t bytes = 0;
};

struct CollectiveCost {
  std::vector<RingHop> hops;  // of one way from one device to another, no more than one
  double seconds = 0.0;
};

// Of n members in a ring, B bytes: the sum for all is 2 (n − 1) steps of B / n bytes (Patarasuk & Yuan, "Bandwidth
// optimal all-reduce algorithms for clusters of workstations", JPDC 2009). To or from one member, a chain that B bytes
// go along in pieces, each hop taking as long as B bytes need and the last beginning n − 2 steps after the first. Of
// several pieces, each with a root of its own, all hops carry what is not the root's they lead away from (sums: whose
// they come from): with equal pieces n − 1 steps of B / n bytes, the ring's reduce-scatter and all-gather (Chan,
// Heimlich, Purkayastha & van de Geijn, "Collective communication: theory, practice, and experience", 2007, sections 4
// and 5).
//
// As in NCCL (Hu et al., "Demystifying NCCL", 2025), a ring goes through the members host by host, and what goes from
// one host to the next is divided over as many ways as each of the two has members: NCCL's channels leave a host by
// different network cards. Where there are several hosts a sum for all may instead go up and down a tree of them, a
// chain within each: 2 (members of a host − 1) steps within and 2 ⌈log₂ hosts⌉ between hosts, and 2 B bytes (two trees
// at once: Sanders, Speck & Träff, Parallel Computing 2009). The faster one is taken.
//
// Time is the latencies of the steps and the bytes of the way, device's network card or shared capacity that is busy
// longest.
[[nodiscard]] CollectiveCost cost_of(const Collective& collective, const Routes& routes);

// What the messages between the root of a reduce or broadcast and the others take, which pass its port one by one.
[[nodiscard]] double seconds_of_messages(const Collective& collective, const Routes& routes);

}  // namespace mp
