// Messages and collectives by NCCL. Answered by runtime/nccl/ where NCCL was found when building, and by
// runtime/no_nccl.cpp elsewhere.
#pragma once

#include <chrono>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "lib/program/program.hpp"
#include "runtime/backend.hpp"
#include "runtime/nccl/patience.hpp"
#include "runtime/ranks/rank_group.hpp"
#include "runtime/transport.hpp"

namespace mp::runtime {

struct NcclOptions {
  std::vector<int> gpus = {};  // of each device of the plan; −1: a device of another process
  RankGroup* ranks = nullptr;  // null: one process has all devices
  std::chrono::milliseconds patience = kNcclPatience;
};

// Sets what NCCL and CUDA read from the environment, where it is not set: the kernels of all libraries are loaded at
// once (a kernel that is loaded while another waits for a peer can hang), streams have queues of their own, all
// connections are made at the start, sums have a fixed order (none of the switch's), and `shares_gpus` lets ranks share
// one. To be called before the process has threads or uses CUDA. Throws RunError where this build has no NCCL.
void prepare_for_nccl(bool shares_gpus);

// Of the library that is there: "2.28.9"; empty where this build has no NCCL. Members of a communicator need the same.
[[nodiscard]] std::string nccl_version();

// A communicator of two ranks for each direction between two devices, and two of each group that has collectives, with
// a stream at each end, so that no message waits for one of another edge. The devices' own streams are ordered with
// these by marks; threads wait for nothing but the setting up of a connection. A failure of NCCL (asynchronous ones are
// looked for ten times a second), or of another rank, aborts all communicators: every call, present and future, throws,
// and nothing hangs. With ranks, to be made on all of them alike. Throws RunError where this build has no NCCL, or NCCL
// cannot connect the devices.
[[nodiscard]] std::unique_ptr<Transport> make_nccl_transport(const Program& program, std::span<Backend* const> backends,
                                                             const NcclOptions& options);

}  // namespace mp::runtime
