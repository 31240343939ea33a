// The simulator: walks a Program against the cost model and answers with times.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "lib/base/ids.hpp"
#include "lib/cluster/cluster.hpp"
#include "lib/program/program.hpp"

namespace mp {

// Work of a device (kCompute, kCopy, kAccumulate, kFeed), or a transfer: then `device` is the sender's, `instruction`
// its kSend, and the times are those of the message on its link.
struct TimelineEvent {
  DeviceId device = kNone<DeviceId>;
  std::int32_t instruction = 0;
  double start_s = 0.0;
  double end_s = 0.0;
  friend bool operator==(const TimelineEvent&, const TimelineEvent&) = default;
};

struct DeviceTimes {
  double busy_s = 0.0;                 // computing
  double communication_s = 0.0;        // waiting for messages that are on their way
  double idle_s = 0.0;                 // the rest of the step: waiting for others to compute, or done
  std::int64_t peak_memory_bytes = 0;  // the arena: what the runtime allocates
};

struct LinkTraffic {
  DeviceId from = kNone<DeviceId>;
  DeviceId to = kNone<DeviceId>;
  std::int64_t bytes = 0;
  friend bool operator==(const LinkTraffic&, const LinkTraffic&) = default;
};

struct Simulation {
  double step_time_s = 0.0;
  double bubble_fraction = 0.0;  // 1 − Σ busy / (devices that work × step time)
  std::vector<DeviceTimes> devices;
  std::vector<LinkTraffic> links;     // those used, by (from, to)
  std::vector<TimelineEvent> events;  // by start, compute and transfers; none of no duration
};

// Each device works through its list in order; a message occupies its directed link for latency + bytes / bandwidth,
// messages on one link follow each other, and wait for the shared capacities on their way (lib/cluster/route.hpp),
// first come, first served; kReceive waits for arrival, kWaitSend, too. Transfers take no time of the devices, except
// where the receiver copies (TransferBy::kReceiver): then a message moves once its receiver has come to it. With
// measured times, a node takes longer the more devices of its host are at work as it starts. The cluster has at least
// the program's devices.
[[nodiscard]] Simulation simulate(const Program& program, const Cluster& cluster);

}  // namespace mp
