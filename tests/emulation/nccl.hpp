// The emulated NCCL, on the emulated GPUs: those functions that runtime/nccl calls, between threads and processes of a
// host. What makes programs hang makes them hang here: a transfer is work of its stream that waits for the other
// members' calls until its communicator is aborted; the first transfer between two members is only begun until the
// other has called, too; members pair up their calls by order alone, and those of a group with those of a group. Groups
// are of collectives of one communicator in one stream. A communicator is destroyed or aborted behind all work of its
// GPU, as memory is freed, unless that is done in a group with the others that the work waits for. Members of a process
// that dies are heard of by the others with ncclRemoteError, or not at all (Machine::hears_of_deaths).
#pragma once

#include <nccl.h>

#include <cstdint>

namespace mp::emulation {

struct NcclCounts {
  std::int64_t communicators = 0;  // there now: made and neither destroyed nor aborted
  std::int64_t aborted = 0;        // since the program began, as are all below
  std::int64_t sends = 0;
  std::int64_t all_reduces = 0;
  std::int64_t reduces = 0;
  std::int64_t broadcasts = 0;
  std::int64_t groups = 0;  // of several calls
};
[[nodiscard]] NcclCounts nccl_counts();

// The transfer `count` calls from now (0: the next) never ends, and its communicator has this asynchronous error.
void fail_transfer(std::int64_t count, ncclResult_t error);

}  // namespace mp::emulation
