// Collectives in the place of the messages by which replicas sum gradients and spread new values.
#pragma once

#include "lib/cluster/cluster.hpp"
#include "lib/program/program.hpp"

namespace mp {

// The same program for transports that have collectives of their own (NCCL). Where all members of a group send a
// bucket's sums to one of them, which adds them up, that becomes a reduce; where it sends the sum back to all, an
// all-reduce; where a member sends new values to all others, a broadcast. A member starts where it has sent and
// finishes where something first touches the values, so that transfers overlap with the passes as before. Messages stay
// where that cannot be shown to keep the guarantees of a Program, where the sum is made outside the group, for the
// gradients of single microbatches and the parameters that go to and fro under ZeRO 2 and 3 (groups in step have
// collectives for all that ZeRO moves from the start, where CompileOptions::collectives says so), and, of reduces and
// broadcasts, where going from member to member has more latencies than it saves time on the links of `cluster` (for its
// devices). Buffers keep their places. In which order the replicas' sums are added is the transport's to choose.
[[nodiscard]] Program with_collectives(Program program, const Cluster& cluster);

}  // namespace mp
