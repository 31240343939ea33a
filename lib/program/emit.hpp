// From an order of tasks to instructions: feeds, computes, sends, receives, sums, updates. Buffers have no place yet.
#pragma once

#include <cstdint>
#include <vector>

#include "lib/base/ids.hpp"
#include "lib/cluster/cluster.hpp"
#include "lib/program/program.hpp"
#include "lib/program/replication.hpp"
#include "lib/program/segments.hpp"
#include "lib/program/tasks.hpp"

namespace mp {

// Positions in a device's list between which a buffer is needed: [begin, end).
struct Lifetime {
  std::int32_t begin = 0;
  std::int32_t end = 0;
  friend bool operator==(const Lifetime&, const Lifetime&) = default;
};

// Buffers of one device, all parameters or none, that lie side by side in this order.
using Bundle = std::vector<BufferId>;

struct Emission {
  IdVector<DeviceId, DeviceProgram> devices;                   // no kWaitSend, no offsets
  IdVector<DeviceId, IdVector<BufferId, Lifetime>> lifetimes;  // parameters: the whole list
  IdVector<DeviceId, std::vector<Bundle>> bundles;             // disjoint
  std::vector<Message> messages;
  // Beside messages: from which position of the sender's list on a kWaitSend may stand: the receiver has come to its
  // kReceive by then.
  std::vector<std::int32_t> wait_from;
  std::vector<Program::Step> order;
  std::vector<Collective> collectives = {};
};

// What the tasks were ordered under: emit() interleaves the nodes of replicas by the same times.
struct EmitOptions {
  const Replication& replication;
  std::int32_t zero = 0;
  std::int64_t bucket_bytes = kDefaultBucketBytes;
  const Cluster& cluster;
  bool collectives = false;  // as CompileOptions::collectives
};

// Emits `tasks` one after another, then the updates. A send stands right behind what makes its tensor; the matching
// receive as late as possible: right before its first reader, together with the receives of all earlier messages on
// the same link, so that each link delivers in the order of its sends. Both stand in one global order, in which
// everything an instruction waits for comes before it. A send's buffer is kept until the message has had the time to
// leave, so that the sender computes meanwhile (two microbatches' at most on each link).
//
// With replicas the tasks are taken node by node in the order of their times, so that the lists of replicas mesh:
// - each member sums the gradients of its microbatches, and sends the sum to the reducer, the owner of the parameter or
//   who stands for it, right behind its last microbatch; the reducer adds the sums in the order of the group, between
//   two of its nodes once they have had the time to arrive, and sends the result to whoever updates with it; all of
//   this in buckets (lib/program/buckets.hpp). From level 2 of ZeRO on the gradients of every microbatch leave as soon
//   as its bucket is complete, and the reducer adds them in the order of the microbatches;
// - a parameter whose new value others wait for is updated as soon as its sum is there and no pass will read it any
//   more, and the value sent at once; they receive it when all else is done. Other updates fill the wait for sums;
// - parameters that ZeRO keeps on their owner alone are sent to a member a window ahead of its reads
//   (lib/program/parameter_fetches.hpp), and received right before the first of these.
//
// With collectives, groups in step (lib/program/in_step.hpp) exchange both by these instead: a bucket's gradients of a
// microbatch of each member are reduced to the owners, who add up these sums, and a window's parameters are gathered.
// Members start what they share at the same place of their lists.
[[nodiscard]] Emission emit(const TrainingGraph& training, const Placement& placement,
                            const std::vector<Segment>& segments, const std::vector<Task>& tasks,
                            const EmitOptions& options);

}  // namespace mp
