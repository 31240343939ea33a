// What the members of a group of replicas exchange in a step, where their Program is not made.
#pragma once

#include <cstdint>
#include <vector>

#include "lib/plan/group_links.hpp"
#include "lib/plan/plan.hpp"
#include "lib/training/flows.hpp"
#include "lib/training/training_graph.hpp"

namespace mp {

struct ReplicaExchange {
  double seconds = 0.0;           // by which it makes the step longer
  std::int64_t bytes = 0;         // that each member sends to the next, once a step
  std::int64_t memory_bytes = 0;  // of a member beyond those of one that works alone; negative under ZeRO
};

struct ReplicasOf {
  const Placement& placement;  // names leaders
  const std::vector<ReplicaGroup>& replicas;
  std::int32_t zero = 0;
};

// For each group, with `microbatches` for a member and `alone_s` seconds for the pipeline of the leaders. Gradients go
// once around the ring for their sum, and the sums or new values once (Patarasuk & Yuan, JPDC 2009). Under ZeRO 2 and 3
// gradients go around in every microbatch, under ZeRO 3 parameters twice, too, for each pass: but for the last
// gradients all of that is hidden as far as the pipeline takes as long. ZeRO 3 keeps the largest parameter twice, for
// the node at work and the next.
[[nodiscard]] std::vector<ReplicaExchange> replica_exchanges(const TrainingGraph& training, const ReplicasOf& of,
                                                             std::int32_t microbatches, double alone_s,
                                                             const GroupLinks& links);

}  // namespace mp
