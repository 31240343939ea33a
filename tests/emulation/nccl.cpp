#include "tests/emulation/nccl.hpp"

#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "tests/emulation/machine.hpp"
#include "tests/emulation/nccl_hub.hpp"
#include "tests/emulation/nccl_member.hpp"
#include "tests/emulation/state.hpp"

using namespace mp::emulation;

struct ncclComm {
  std::shared_ptr<NcclMember> member;
};

namespace {

struct World {
  std::atomic<std::uint64_t> ids{0};
  std::atomic<ncclResult_t> failure{ncclRemoteError};
  std::atomic<std::int64_t> communicators{0};
  std::atomic<std::int64_t> aborted{0};
  std::array<std::atomic<std::int64_t>, 5> calls{};
  std::atomic<std::int64_t> groups{0};
};

World& world() {
  static World one;
  return one;
}

int version() { return machine().nccl_version == 0 ? NCCL_VERSION_CODE : machine().nccl_version; }

bool is_set(const char* name, const char* value) {
  const char* found = std::getenv(name);
  return found != nullptr && std::strcmp(found, value) == 0;
}

// What a thread has called since ncclGroupStart.
struct OpenGroup {
  bool is_open = false;
  ncclComm_t comm = nullptr;
  cudaStream_t stream = nullptr;
  std::vector<NcclOperand> operands = {};
  std::vector<int> devices = {};  // whose communicators were destroyed or aborted
  ncclResult_t failure = ncclSuccess;
};

OpenGroup& open_group() {
  thread_local OpenGroup group;
  return group;
}

// In a group what is wrong with a call is told by the call, and once more at the end.
ncclResult_t add_to_group(ncclComm_t comm, const NcclOperand& operand, cudaStream_t stream) {
  OpenGroup& group = open_group();
  const bool goes_with_others = group.operands.empty() || (group.comm == comm && group.stream == stream);
  if (is_message(operand.transfer) || !goes_with_others) return group.failure = ncclInvalidUsage;  // not emulated
  group.comm = comm;
  group.stream = stream;
  group.operands.push_back(operand);
  return ncclSuccess;
}

ncclResult_t start_all(ncclComm_t comm, std::vector<NcclOperand> operands, cudaStream_t stream) {
  for (std::size_t i = 0; i < operands.size(); ++i) {
    NcclOperand& operand = operands[i];
    operand.transfer.group = operands.size();
    operand.transfer.place = i;
    ++world().calls.at(static_cast<std::size_t>(operand.transfer.call));
    if (transfer_countdown().is_over()) operand.failure = world().failure;
    if (hang_countdown().is_over()) operand.failure = ncclInProgress;
  }
  return comm->member->start(operands, stream);
}

ncclResult_t start(ncclComm_t comm, const NcclOperand& operand, cudaStream_t stream) {
  if (comm == nullptr || device_of(stream) != comm->member->seat().device) return ncclInvalidArgument;
  return open_group().is_open ? add_to_group(comm, operand, stream) : start_all(comm, {operand}, stream);
}

// What it has is freed behind all work of its GPU, as by cudaFree; that of a group's once all of them have left.
void remove(ncclComm_t comm) {
  const int device = comm->member->seat().device;
  comm->member->leave();
  --world().communicators;
  delete comm;
  if (open_group().is_open) {
    open_group().devices.push_back(device);
  } else {
    finish_device(device);
  }
}

}  // namespace

namespace mp::emulation {

NcclCounts nccl_counts() {
  const auto calls = [](NcclCall call) { return world().calls.at(static_cast<std::size_t>(call)).load(); };
  return {.communicators = world().communicators,
          .aborted = world().aborted,
          .sends = calls(NcclCall::kSend),
          .all_reduces = calls(NcclCall::kAllReduce),
          .reduces = calls(NcclCall::kReduce),
          .broadcasts = calls(NcclCall::kBroadcast),
          .groups = world().groups};
}

void fail_transfer(std::int64_t count, ncclResult_t error) {
  world().failure = error;
  transfer_countdown().set(count);
}

}  // namespace mp::emulation

ncclResult_t ncclGetVersion(int* found) {
  *found = version();
  return ncclSuccess;
}

ncclResult_t ncclGetUniqueId(ncclUniqueId* id) {
  if (obstacle() != cudaSuccess) return ncclUnhandledCudaError;
  std::random_device random;  // against processes of the same number in other containers
  const std::string name = "emulated-nccl-" + std::to_string(getpid()) + "-" + std::to_string(random()) + "-" +
                           std::to_string(++world().ids);
  open_hub(name);
  *id = {};
  name.copy(&id->internal[0], sizeof id->internal - 1);
  return ncclSuccess;
}

ncclResult_t ncclCommInitRankConfig(ncclComm_t* comm, int size, ncclUniqueId id, int rank, ncclConfig_t* config) {
  *comm = nullptr;
  if (config->blocking != 0 || id.internal[0] == '\0') return ncclInvalidArgument;  // blocking ones are not emulated
  if (rank < 0 || rank >= size) return ncclInvalidArgument;
  const bool may_share = version() >= NCCL_VERSION(2, 30, 0) && is_set("NCCL_MULTI_RANK_GPU_ENABLE", "1");
  auto member = std::make_shared<NcclMember>(NcclSeat{.rank = rank,
                                                      .size = size,
                                                      .device = current_device(),
                                                      .version = version(),
                                                      .may_share_gpu = may_share,
                                                      .connects_at_start = is_set("NCCL_RUNTIME_CONNECT", "0")});
  member->join(&id.internal[0]);
  ++world().communicators;
  *comm = new ncclComm{std::move(member)};
  return ncclInProgress;
}

ncclResult_t ncclCommGetAsyncError(ncclComm_t comm, ncclResult_t* error) {
  *error = comm->member->state();
  return ncclSuccess;
}

ncclResult_t ncclCommFinalize(ncclComm_t comm) { return comm->member->finalize(); }

ncclResult_t ncclCommDestroy(ncclComm_t comm) {
  if (comm == nullptr) return ncclSuccess;
  remove(comm);
  return ncclSuccess;
}

ncclResult_t ncclCommAbort(ncclComm_t comm) {
  if (comm == nullptr) return ncclSuccess;
  ++world().aborted;
  remove(comm);
  return ncclSuccess;
}

const char* ncclGetErrorString(ncclResult_t result) {
  switch (result) {
    case ncclSuccess:
      return "no error";
    case ncclUnhandledCudaError:
      return "unhandled cuda error (run with NCCL_DEBUG=INFO for details)";
    case ncclInvalidUsage:
      return "invalid usage (run with NCCL_DEBUG=WARN for details)";
    case ncclInvalidArgument:
      return "invalid argument (run with NCCL_DEBUG=WARN for details)";
    case ncclRemoteError:
      return "remote process exited or there was a network error";
    case ncclInProgress:
      return "NCCL operation in progress";
    case ncclSystemError:
    case ncclInternalError:
    case ncclNumResults:
      break;
  }
  return "internal error - please report this issue to the NCCL developers";
}

const char* ncclGetLastError(ncclComm_t /*comm*/) { return NcclMember::last_warning(); }

ncclResult_t ncclGroupStart() {
  if (open_group().is_open) return ncclInvalidUsage;  // groups in groups are not emulated
  open_group().is_open = true;
  return ncclSuccess;
}

ncclResult_t ncclGroupEnd() {
  OpenGroup group = std::exchange(open_group(), {});
  if (!group.is_open) return ncclInvalidUsage;
  for (const int device : group.devices) finish_device(device);
  if (group.failure != ncclSuccess || group.operands.empty()) return group.failure;
  if (group.operands.size() > 1) ++world().groups;
  return start_all(group.comm, std::move(group.operands), group.stream);
}

ncclResult_t ncclSend(const void* from, std::size_t count, ncclDataType_t type, int peer, ncclComm_t comm,
                      cudaStream_t stream) {
  return start(comm, {{NcclCall::kSend, type, peer, count}, from, nullptr}, stream);
}

ncclResult_t ncclRecv(void* to, std::size_t count, ncclDataType_t type, int peer, ncclComm_t comm,
                      cudaStream_t stream) {
  return start(comm, {{NcclCall::kReceive, type, peer, count}, nullptr, to}, stream);
}

ncclResult_t ncclAllReduce(const void* from, void* to, std::size_t count, ncclDataType_t type, ncclRedOp_t operation,
                           ncclComm_t comm, cudaStream_t stream) {
  if (operation != ncclSum || type != ncclFloat32) return ncclInvalidArgument;  // others are not emulated
  if (from == nullptr || to == nullptr) return ncclInvalidArgument;
  return start(comm, {{NcclCall::kAllReduce, type, 0, count}, from, to}, stream);
}

ncclResult_t ncclReduce(const void* from, void* to, std::size_t count, ncclDataType_t type, ncclRedOp_t operation,
                        int root, ncclComm_t comm, cudaStream_t stream) {
  if (operation != ncclSum || type != ncclFloat32) return ncclInvalidArgument;
  if (from == nullptr || (to == nullptr && comm->member->seat().rank == root)) return ncclInvalidArgument;
  return start(comm, {{NcclCall::kReduce, type, root, count}, from, to}, stream);
}

ncclResult_t ncclBroadcast(const void* from, void* to, std::size_t count, ncclDataType_t type, int root,
                           ncclComm_t comm, cudaStream_t stream) {
  if (from == nullptr || to == nullptr) return ncclInvalidArgument;
  return start(comm, {{NcclCall::kBroadcast, type, root, count}, from, to}, stream);
}
