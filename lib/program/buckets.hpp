// Which gradients and new values of replicas travel in one message.
#pragma once

#include <cstdint>
#include <vector>

#include "lib/base/ids.hpp"
#include "lib/cluster/cluster.hpp"
#include "lib/program/node_order.hpp"
#include "lib/program/ownership.hpp"
#include "lib/program/replication.hpp"
#include "lib/training/training_graph.hpp"

namespace mp {

enum class BucketId : std::int32_t {};

// Gradients that the members of a group sum up and send together.
struct Bucket {
  DeviceId leader = kNone<DeviceId>;   // of the group
  DeviceId reducer = kNone<DeviceId>;  // the member that adds the sums, or who does it in their stead
  std::vector<DeviceId> users;         // whose updates read what comes out
  std::vector<TensorId> gradients;     // in the order in which they are ready
  std::int64_t size_bytes = 0;         // of them
  std::int64_t worthwhile_bytes = 0;   // on its slowest way
  // Of a bucket that the group exchanges by collectives: beside the gradients, which stand in the order of these
  // members. Else empty.
  std::vector<DeviceId> reducers = {};
  [[nodiscard]] bool is_exchanged() const { return !reducers.empty(); }
};

struct Buckets {
  IdVector<BucketId, Bucket> buckets;
  IdVector<TensorId, BucketId> of_gradient;        // kNone: one device sums it alone
  std::vector<std::vector<TensorId>> new_values;   // parameters that their owner sends together
  std::vector<BucketId> bucket_of_new_values;      // beside them: of their gradients; kNone: none
  IdVector<TensorId, std::int32_t> of_new_values;  // of parameters: position in new_values; −1: not sent
};

struct BucketOptions {
  const Replication& replication;
  const Ownership& ownership;
  const Cluster& cluster;
  std::int64_t most_bytes = 0;  // of a bucket of several tensors
  bool are_shards = false;      // sent by every microbatch, to save memory: none larger than is worthwhile
  // By leader: groups that exchange gradients by collectives, those of several owners in one bucket, where the owners
  // are members.
  const IdVector<DeviceId, bool>& exchanges;
};

// A message of so many bytes takes eight times as long as its latency: longer ones gain little, and take memory.
[[nodiscard]] std::int64_t worthwhile_bytes(const Link& link);

// The same of a collective, a share of which passes each link of the members' ring in one step.
[[nodiscard]] std::int64_t worthwhile_bytes(const std::vector<DeviceId>& ring, const Cluster& cluster);

// The devices whose updates read `whole`, a sum over all members or what an update made.
[[nodiscard]] std::vector<DeviceId> users_of(const TrainingGraph& training, const Ownership& ownership, TensorId whole);

// A gradient joins the bucket before it if it is ready before that one could have left the link: while the link is busy
// with earlier buckets, or within the latency that a message of its own costs (Shi, Chu & Li, "MG-WFBP: efficient data
// communication for distributed synchronous SGD algorithms", INFOCOM 2019, theorem 1). So no bucket waits longer than
// it saves, and transfers overlap with the backward pass. The shares of a gradient are in buckets of their own, since they
// lie side by side; where groups exchange by collectives all in one. A bucket has one reducer and the same users for all. New
// values of what the bucket updates go together, too. `runs`: as order_nodes gives them; `leader_of` nodes.
[[nodiscard]] Buckets make_buckets(const TrainingGraph& training, const IdVector<NodeId, DeviceId>& leader_of,
                                   const std::vector<NodeRun>& runs, const BucketOptions& options);

}  // namespace mp
