#include "runtime/nccl/communicator.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <thread>
#include <utility>

#include "lib/base/error.hpp"
#include "runtime/nccl/nccl_transport.hpp"
#include "runtime/transport.hpp"

namespace mp::nccl {
namespace {

constexpr std::chrono::microseconds kPoll{20};

std::string text_of(ncclResult_t result, const char* call, int gpu) {
  std::string text = fmt::format("NCCL on cuda:{}: {} ({})", gpu, ncclGetErrorString(result), call);
  std::string detail = ncclGetLastError(nullptr);  // of the process, whichever communicator it was
  std::replace(detail.begin(), detail.end(), '\n', ' ');
  if (!detail.empty()) text += ": " + detail;
  if (result == ncclInvalidUsage) {
    return text + fmt::format(
                      "; several ranks on one GPU need NCCL 2.30 (here is {}) and NCCL_MULTI_RANK_GPU_ENABLE=1, "
                      "or train without --nccl",
                      runtime::nccl_version());
  }
  return text + "; NCCL_DEBUG=WARN tells more";
}

std::string text_of(std::chrono::milliseconds patience, const char* call, int gpu) {
  return fmt::format(
      "NCCL on cuda:{}: not connected after {:g} s ({}); NCCL_DEBUG=INFO tells how far it came, "
      "--stall-timeout says how long to wait",
      gpu, std::chrono::duration<double>(patience).count(), call);
}

const char* name_of(Call call) {
  switch (call) {
    case Call::kSend:
      return "ncclSend";
    case Call::kReceive:
      return "ncclRecv";
    case Call::kAllReduce:
      return "ncclAllReduce";
    case Call::kReduce:
      return "ncclReduce";
    case Call::kBroadcast:
      return "ncclBroadcast";
  }
  return "";
}

}  // namespace

Communicator::Communicator(const Seat& seat, const ncclUniqueId& id) : seat_(seat) {
  MP_CUDA(cudaSetDevice(seat.gpu));
  stream_ = std::make_unique<cuda::Stream>();
  ncclConfig_t config = NCCL_CONFIG_INITIALIZER;
  config.blocking = 0;
  const ncclResult_t result = ncclCommInitRankConfig(&comm_, seat.size, id, seat.rank, &config);
  if (result == ncclSuccess || result == ncclInProgress) return;
  static_cast<void>(ncclCommAbort(comm_));
  throw RunError(text_of(result, last_call_, seat.gpu));
}

Communicator::~Communicator() { static_cast<void>(ncclCommAbort(release())); }

ncclResult_t Communicator::call(const Transfer& t) {
  const auto size_bytes = static_cast<std::size_t>(t.size_bytes);
  const std::size_t floats = size_bytes / sizeof(float);
  switch (t.call) {
    case Call::kSend:
      return ncclSend(t.from, size_bytes, ncclInt8, t.peer, comm_, stream());
    case Call::kReceive:
      return ncclRecv(t.to, size_bytes, ncclInt8, t.peer, comm_, stream());
    case Call::kAllReduce:
      return ncclAllReduce(t.from, t.to, floats, ncclFloat32, ncclSum, comm_, stream());
    case Call::kReduce:
      return ncclReduce(t.from, t.to, floats, ncclFloat32, ncclSum, t.peer, comm_, stream());
    case Call::kBroadcast:
      return ncclBroadcast(t.from, t.to, size_bytes, ncclInt8, t.peer, comm_, stream());
  }
  return ncclInternalError;
}

void Communicator::finish(ncclResult_t begun, const Waiting& waiting) {
  const auto deadline = std::chrono::steady_clock::now() + waiting.patience;
  ncclResult_t state = begun;
  while (state == ncclInProgress) {
    if (waiting.stop) throw runtime::Aborted();
    if (std::chrono::steady_clock::now() > deadline) throw RunError(text_of(waiting.patience, last_call_, seat_.gpu));
    const ncclResult_t asked = ncclCommGetAsyncError(comm_, &state);
    if (asked != ncclSuccess) state = asked;
    if (state == ncclInProgress) std::this_thread::sleep_for(kPoll);
  }
  if (state != ncclSuccess) throw RunError(text_of(state, last_call_, seat_.gpu));
}

void Communicator::begin(const Transfer& transfer) {
  const std::lock_guard lock(mutex_);
  if (comm_ == nullptr) throw runtime::Aborted();
  last_call_ = name_of(transfer.call);
  const ncclResult_t result = call(transfer);
  if (result != ncclSuccess && result != ncclInProgress) throw RunError(text_of(result, last_call_, seat_.gpu));
}

void Communicator::settle(const Waiting& waiting) {
  const std::lock_guard lock(mutex_);
  if (comm_ == nullptr) throw runtime::Aborted();
  finish(ncclInProgress, waiting);
}

void Communicator::await(const Waiting& waiting) {
  const auto deadline = std::chrono::steady_clock::now() + waiting.patience;
  cudaError_t state = cudaErrorNotReady;
  while ((state = cudaStreamQuery(stream())) == cudaErrorNotReady) {
    static_cast<void>(cudaGetLastError());  // or a launch that comes later is taken for what has failed
    if (waiting.stop) throw runtime::Aborted();
    if (const std::string found = failure(); !found.empty()) throw RunError(found);
    if (std::chrono::steady_clock::now() > deadline) throw RunError(text_of(waiting.patience, last_call_, seat_.gpu));
    std::this_thread::sleep_for(std::chrono::microseconds(100));
  }
  MP_CUDA(state);
}

// A group that is begun is ended, whatever fails in it: the thread would never call anything again.
ncclResult_t Communicator::call_all(std::span<const Transfer> transfers) {
  if (transfers.size() == 1) return call(transfers.front());
  ncclResult_t state = ncclGroupStart();
  if (state != ncclSuccess) return state;
  for (const Transfer& transfer : transfers) {
    state = call(transfer);
    if (state != ncclSuccess && state != ncclInProgress) break;
  }
  const ncclResult_t ended = ncclGroupEnd();
  return state == ncclSuccess || state == ncclInProgress ? ended : state;
}

void Communicator::run(std::span<const Transfer> transfers, const std::atomic<bool>& stop) {
  const std::lock_guard lock(mutex_);
  if (comm_ == nullptr || stop) throw runtime::Aborted();
  last_call_ = name_of(transfers.front().call);
  finish(call_all(transfers), {.stop = stop});
}

void Communicator::begin_to_close() noexcept {
  const std::lock_guard lock(mutex_);
  if (comm_ == nullptr) return;
  const ncclResult_t result = ncclCommFinalize(comm_);
  is_closing_ = result == ncclSuccess || result == ncclInProgress;
}

void Communicator::close(std::chrono::steady_clock::time_point deadline, const std::atomic<bool>& stop) noexcept {
  const std::lock_guard lock(mutex_);
  if (comm_ == nullptr || !is_closing_) return;
  ncclResult_t state = ncclInProgress;
  while (ncclCommGetAsyncError(comm_, &state) == ncclSuccess && state == ncclInProgress) {
    if (stop || std::chrono::steady_clock::now() > deadline) break;
    std::this_thread::sleep_for(kPoll);
  }
  if (state != ncclSuccess) return;
  static_cast<void>(ncclCommDestroy(comm_));
  comm_ = nullptr;
}

std::string Communicator::failure() {
  const std::unique_lock lock(mutex_, std::try_to_lock);
  if (!lock || comm_ == nullptr) return {};  // its own thread is looking
  ncclResult_t state = ncclSuccess;
  const ncclResult_t asked = ncclCommGetAsyncError(comm_, &state);
  if (asked != ncclSuccess) state = asked;
  if (state == ncclSuccess || state == ncclInProgress) return {};
  return text_of(state, last_call_, seat_.gpu);
}

ncclComm_t Communicator::release() noexcept {
  const std::lock_guard lock(mutex_);
  return std::exchange(comm_, nullptr);
}

void Communicator::abort_all(std::span<Communicator* const> communicators) noexcept {
  static_cast<void>(ncclGroupStart());
  for (Communicator* const communicator : communicators) static_cast<void>(ncclCommAbort(communicator->release()));
  static_cast<void>(ncclGroupEnd());
}

}  // namespace mp::nccl
