// The emulated NCCL, on the emulated GPUs: those functions that runtime/nccl calls, between threads of one process.
// What makes programs hang makes them hang here: a transfer is work of its stream that waits for the other members'
// calls until its communicator is aborted; the first transfer between two members is only begun until the other has
// called, too; members pair up their calls by order alone, and those of a group with those of a group. Groups are of
// collectives of one communicator in one stream.
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

// What ncclGetVersion says: from 2.30 on several members of a communicator may be on one GPU, where the environment
// says NCCL_MULTI_RANK_GPU_ENABLE=1.
void set_nccl_version(int version);

// The transfer `count` calls from now (0: the next) never ends, and its communicator has this asynchronous error.
void fail_transfer(std::int64_t count, ncclResult_t error);

}  // namespace mp::emulation
