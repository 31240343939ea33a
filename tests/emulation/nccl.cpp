#include "tests/emulation/nccl.hpp"

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <map>
#include <stdexcept>
#include <string>
#include <utility>

#include "tests/emulation/memory.hpp"
#include "tests/emulation/nccl_clique.hpp"
#include "tests/emulation/state.hpp"

using namespace mp::emulation;

namespace mp::emulation {

// Shared with the work in streams, which may outlive the handle.
struct Member {
  std::shared_ptr<Clique> clique;
  int rank = 0;
  int device = 0;
  std::atomic<bool> is_aborted{false};
  std::atomic<ncclResult_t> error{ncclSuccess};
  // Under the clique's mutex.
  std::map<std::pair<int, int>, std::uint64_t> calls;  // by sender and receiver
  std::map<std::pair<int, int>, bool> is_connected;
  std::shared_ptr<Meeting> connecting;  // the first with these members: begun until all of them have called
  bool was_asked = true;                // whatever was called is in progress until somebody asks
  bool is_finalized = false;
};

}  // namespace mp::emulation

struct ncclComm {
  std::shared_ptr<Member> member;
};

namespace {

struct World {
  std::mutex mutex;
  std::map<std::string, std::weak_ptr<Clique>> cliques;  // by id
  std::uint64_t next_id = 1;
  std::atomic<int> version{NCCL_VERSION_CODE};
  std::atomic<std::int64_t> fails_at{-1};
  std::atomic<ncclResult_t> failure{ncclSuccess};
  std::atomic<std::int64_t> transfers{0};
  std::atomic<std::int64_t> communicators{0};
  std::atomic<std::int64_t> aborted{0};
  std::atomic<std::int64_t> calls[5] = {};
  std::atomic<std::int64_t> groups{0};
};

World& world() {
  static World one;
  return one;
}

bool may_share_gpus() {
  const char* allowed = std::getenv("NCCL_MULTI_RANK_GPU_ENABLE");
  return world().version >= NCCL_VERSION(2, 30, 0) && allowed != nullptr && std::strcmp(allowed, "1") == 0;
}

bool connects_at_start() {
  const char* at_runtime = std::getenv("NCCL_RUNTIME_CONNECT");
  return at_runtime != nullptr && std::strcmp(at_runtime, "0") == 0;
}

bool all_have_called(const Meeting& meeting) {
  std::size_t called = 0;
  for (const bool has : meeting.has_called) called += has ? 1 : 0;
  return called == meeting.members;
}

// Everybody's work up to this transfer goes on: a GPU does not wait to be asked.
void demand_all(const Meeting& meeting) {
  for (const std::shared_ptr<Point>& point : meeting.behind) {
    if (point) point->demand();
  }
}

void require_memory(const void* address, std::size_t size, int device) {
  if (address == nullptr || size == 0) return;
  const std::shared_ptr<Block> block = block_of(address, size);
  if (!block || block->is_freed || block->device != device) throw std::runtime_error("NCCL: not memory of the device");
}

// In the stream: waits until the streams of all members are here. The last one does the work.
void meet(Member& member, const std::shared_ptr<Meeting>& meeting) {
  Clique& clique = *member.clique;
  std::unique_lock lock(clique.mutex);
  if (member.is_aborted) return;
  const auto rank = static_cast<std::size_t>(member.rank);
  require_memory(meeting->transfers[rank].from, bytes_of(meeting->transfers[rank]), member.device);
  require_memory(meeting->transfers[rank].to, bytes_of(meeting->transfers[rank]), member.device);
  meeting->is_at_work[rank] = true;
  if (meeting->failure != ncclSuccess) member.error = meeting->failure;
  std::size_t here = 0;
  for (const bool is : meeting->is_at_work) here += is ? 1 : 0;
  if (here == meeting->members && meeting->failure == ncclSuccess) {
    try {
      Clique::do_all(*meeting);
      meeting->is_done = true;
    } catch (const std::invalid_argument&) {
      member.error = ncclInvalidUsage;
    }
    clique.changed.notify_all();
  }
  while (!meeting->is_done && !member.is_aborted) {
    demand_all(*meeting);
    clique.changed.wait_for(lock, std::chrono::milliseconds(20));
  }
}

// What a thread has called since ncclGroupStart.
struct OpenGroup {
  bool is_open = false;
  ncclComm_t comm = nullptr;
  cudaStream_t stream = nullptr;
  std::vector<NcclTransfer> transfers = {};
  ncclResult_t failure = ncclSuccess;
};

OpenGroup& open_group() {
  thread_local OpenGroup group;
  return group;
}

// One transfer into the stream. The clique's mutex is held.
ncclResult_t join_meeting(const std::shared_ptr<Member>& member, const NcclTransfer& transfer, cudaStream_t stream) {
  Clique& clique = *member->clique;
  ++world().calls[static_cast<std::size_t>(transfer.call)];
  const bool is_send = transfer.call == NcclCall::kSend;
  const bool is_message = is_send || transfer.call == NcclCall::kReceive;
  if (transfer.peer < 0 || transfer.peer >= clique.size()) return ncclInvalidArgument;
  std::pair<int, int> ends{-1, -1};
  if (is_message) ends = is_send ? std::pair(member->rank, transfer.peer) : std::pair(transfer.peer, member->rank);
  const std::shared_ptr<Meeting> meeting = clique.meeting({ends.first, ends.second, member->calls[ends]++});
  const auto rank = static_cast<std::size_t>(member->rank);
  meeting->transfers[rank] = transfer;
  meeting->has_called[rank] = true;
  if (world().transfers++ == world().fails_at) meeting->failure = world().failure;
  if (put_in(stream, [member, meeting] { meet(*member, meeting); }) != cudaSuccess) return ncclUnhandledCudaError;
  meeting->behind[rank] = put_point(stream);
  if (!std::exchange(member->is_connected[ends], true) && !(connects_at_start() && !is_message)) {
    member->connecting = meeting;
  }
  return ncclInProgress;
}

ncclResult_t start_all(ncclComm_t comm, const std::vector<NcclTransfer>& transfers, cudaStream_t stream) {
  const std::shared_ptr<Member> member = comm->member;
  const std::lock_guard lock(member->clique->mutex);
  if (member->error != ncclSuccess) return member->error;
  if (!member->was_asked || member->connecting || member->is_finalized) return ncclInvalidUsage;
  for (const NcclTransfer& transfer : transfers) {
    const ncclResult_t result = join_meeting(member, transfer, stream);
    if (result != ncclInProgress) return result;
  }
  member->was_asked = false;
  member->clique->changed.notify_all();
  return ncclInProgress;
}

// In a group what is wrong with a call is told by the call, and once more at the end.
ncclResult_t add_to_group(ncclComm_t comm, const NcclTransfer& transfer, cudaStream_t stream) {
  OpenGroup& group = open_group();
  const bool is_message = transfer.call == NcclCall::kSend || transfer.call == NcclCall::kReceive;
  const bool goes_with_others = group.transfers.empty() || (group.comm == comm && group.stream == stream);
  if (is_message || !goes_with_others) return group.failure = ncclInvalidUsage;  // not emulated
  group.comm = comm;
  group.stream = stream;
  group.transfers.push_back(transfer);
  return ncclSuccess;
}

ncclResult_t start(ncclComm_t comm, const NcclTransfer& transfer, cudaStream_t stream) {
  if (comm == nullptr || device_of(stream) != comm->member->device) return ncclInvalidArgument;
  return open_group().is_open ? add_to_group(comm, transfer, stream) : start_all(comm, {transfer}, stream);
}

// Under the clique's mutex: what it is at, or what has failed.
ncclResult_t state_of(Member& member) {
  Clique& clique = *member.clique;
  member.was_asked = true;
  if (member.error != ncclSuccess) return member.error;
  for (const bool has_joined : clique.joined) {
    if (!has_joined) return ncclInProgress;
  }
  if (member.connecting && !all_have_called(*member.connecting)) return ncclInProgress;
  member.connecting.reset();
  if (member.is_finalized && clique.finalized < clique.joined.size()) return ncclInProgress;
  return ncclSuccess;
}

void remove(ncclComm_t comm) {
  --world().communicators;
  delete comm;
}

}  // namespace

namespace mp::emulation {

NcclCounts nccl_counts() {
  const auto calls = [](NcclCall call) { return world().calls[static_cast<std::size_t>(call)].load(); };
  return {.communicators = world().communicators,
          .aborted = world().aborted,
          .sends = calls(NcclCall::kSend),
          .all_reduces = calls(NcclCall::kAllReduce),
          .reduces = calls(NcclCall::kReduce),
          .broadcasts = calls(NcclCall::kBroadcast),
          .groups = world().groups};
}

void set_nccl_version(int version) { world().version = version; }

void fail_transfer(std::int64_t count, ncclResult_t error) {
  world().failure = error;
  world().fails_at = world().transfers + count;
}

}  // namespace mp::emulation

ncclResult_t ncclGetVersion(int* version) {
  *version = world().version;
  return ncclSuccess;
}

ncclResult_t ncclGetUniqueId(ncclUniqueId* id) {
  if (obstacle() != cudaSuccess) return ncclUnhandledCudaError;
  const std::lock_guard lock(world().mutex);
  *id = {};
  const std::string text = "emulated " + std::to_string(world().next_id++);
  text.copy(id->internal, text.size());
  return ncclSuccess;
}

ncclResult_t ncclCommInitRankConfig(ncclComm_t* comm, int size, ncclUniqueId id, int rank, ncclConfig_t* config) {
  *comm = nullptr;
  if (config->blocking != 0 || id.internal[0] == '\0') return ncclInvalidArgument;  // blocking ones are not emulated
  if (rank < 0 || rank >= size) return ncclInvalidArgument;
  auto member = std::make_shared<Member>();
  member->rank = rank;
  member->device = current_device();
  {
    const std::lock_guard lock(world().mutex);
    std::weak_ptr<Clique>& known = world().cliques[std::string(id.internal, sizeof id.internal)];
    member->clique = known.lock();
    if (!member->clique) known = member->clique = std::make_shared<Clique>(size);
  }
  Clique& clique = *member->clique;
  const std::lock_guard lock(clique.mutex);
  if (clique.size() != size || clique.joined[static_cast<std::size_t>(rank)]) return ncclInvalidArgument;
  clique.joined[static_cast<std::size_t>(rank)] = true;
  for (const int device : clique.devices) {
    if (device == member->device && !may_share_gpus()) member->error = ncclInvalidUsage;  // told when all have joined
  }
  clique.devices.push_back(member->device);
  ++world().communicators;
  *comm = new ncclComm{std::move(member)};
  return ncclInProgress;
}

ncclResult_t ncclCommGetAsyncError(ncclComm_t comm, ncclResult_t* error) {
  const std::lock_guard lock(comm->member->clique->mutex);
  *error = state_of(*comm->member);
  return ncclSuccess;
}

ncclResult_t ncclCommFinalize(ncclComm_t comm) {
  Member& member = *comm->member;
  const std::lock_guard lock(member.clique->mutex);
  if (member.error != ncclSuccess) return member.error;
  if (std::exchange(member.is_finalized, true)) return ncclInvalidArgument;
  ++member.clique->finalized;
  return ncclInProgress;
}

ncclResult_t ncclCommDestroy(ncclComm_t comm) {
  remove(comm);
  return ncclSuccess;
}

ncclResult_t ncclCommAbort(ncclComm_t comm) {
  Member& member = *comm->member;
  {
    const std::lock_guard lock(member.clique->mutex);
    member.is_aborted = true;
    member.clique->changed.notify_all();
  }
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

ncclResult_t ncclGroupStart() {
  if (open_group().is_open) return ncclInvalidUsage;  // groups in groups are not emulated
  open_group().is_open = true;
  return ncclSuccess;
}

ncclResult_t ncclGroupEnd() {
  OpenGroup group = std::exchange(open_group(), {});
  if (!group.is_open) return ncclInvalidUsage;
  if (group.failure != ncclSuccess || group.transfers.empty()) return group.failure;
  for (std::size_t i = 0; i < group.transfers.size(); ++i) {
    group.transfers[i].group = group.transfers.size();
    group.transfers[i].place = i;
  }
  if (group.transfers.size() > 1) ++world().groups;
  return start_all(group.comm, group.transfers, group.stream);
}

ncclResult_t ncclSend(const void* from, std::size_t count, ncclDataType_t type, int peer, ncclComm_t comm,
                      cudaStream_t stream) {
  return start(comm, {NcclCall::kSend, from, nullptr, count, type, peer}, stream);
}

ncclResult_t ncclRecv(void* to, std::size_t count, ncclDataType_t type, int peer, ncclComm_t comm,
                      cudaStream_t stream) {
  return start(comm, {NcclCall::kReceive, nullptr, to, count, type, peer}, stream);
}

ncclResult_t ncclAllReduce(const void* from, void* to, std::size_t count, ncclDataType_t type, ncclRedOp_t operation,
                           ncclComm_t comm, cudaStream_t stream) {
  if (operation != ncclSum || type != ncclFloat32) return ncclInvalidArgument;  // others are not emulated
  if (from == nullptr || to == nullptr) return ncclInvalidArgument;
  return start(comm, {NcclCall::kAllReduce, from, to, count, type, 0}, stream);
}

ncclResult_t ncclReduce(const void* from, void* to, std::size_t count, ncclDataType_t type, ncclRedOp_t operation,
                        int root, ncclComm_t comm, cudaStream_t stream) {
  if (operation != ncclSum || type != ncclFloat32) return ncclInvalidArgument;
  if (from == nullptr || (to == nullptr && comm->member->rank == root)) return ncclInvalidArgument;
  return start(comm, {NcclCall::kReduce, from, to, count, type, root}, stream);
}

ncclResult_t ncclBroadcast(const void* from, void* to, std::size_t count, ncclDataType_t type, int root,
                           ncclComm_t comm, cudaStream_t stream) {
  if (from == nullptr || to == nullptr) return ncclInvalidArgument;
  return start(comm, {NcclCall::kBroadcast, from, to, count, type, root}, stream);
}
