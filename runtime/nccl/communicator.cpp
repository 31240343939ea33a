#include "runtime/nccl/communicator.hpp"

#include <fmt/format.h>

#include <chrono>
#include <thread>

#include "lib/base/error.hpp"
#include "runtime/transport.hpp"

namespace mp::nccl {
namespace {

constexpr std::chrono::microseconds kPoll{20};

[[noreturn]] void failed(ncclResult_t result, const char* call, int gpu) {
  std::string text = fmt::format("NCCL on cuda:{}: {} ({})", gpu, ncclGetErrorString(result), call);
  if (result == ncclInvalidUsage) {
    text += "; several ranks on one GPU need NCCL 2.30 and NCCL_MULTI_RANK_GPU_ENABLE=1, or train without --nccl";
  } else {
    text += "; NCCL_DEBUG=WARN tells more";
  }
  throw RunError(text);
}

}  // namespace

Communicator::Communicator(int gpu, int rank, const ncclUniqueId& id) : gpu_(gpu) {
  MP_CUDA(cudaSetDevice(gpu));
  stream_ = std::make_unique<cuda::Stream>();
  ncclConfig_t config = NCCL_CONFIG_INITIALIZER;
  config.blocking = 0;  // calls return, and can be given up
  const ncclResult_t result = ncclCommInitRankConfig(&comm_, 2, id, rank, &config);
  if (result != ncclSuccess && result != ncclInProgress) failed(result, "ncclCommInitRankConfig", gpu);
}

Communicator::~Communicator() { abort(); }

void Communicator::finish(ncclResult_t begun, const char* call, const std::atomic<bool>& stop) {
  ncclResult_t state = begun;
  while (state == ncclInProgress) {
    if (stop) throw runtime::Aborted();
    std::this_thread::sleep_for(kPoll);
    const ncclResult_t asked = ncclCommGetAsyncError(comm_, &state);
    if (asked != ncclSuccess) state = asked;
  }
  if (state != ncclSuccess) failed(state, call, gpu_);
}

void Communicator::settle(const std::atomic<bool>& stop) {
  const std::lock_guard lock(mutex_);
  if (comm_ == nullptr) throw runtime::Aborted();
  finish(ncclInProgress, "ncclCommInitRankConfig", stop);
}

void Communicator::send(const void* data, std::int64_t size_bytes, const std::atomic<bool>& stop) {
  const std::lock_guard lock(mutex_);
  if (comm_ == nullptr || stop) throw runtime::Aborted();
  finish(ncclSend(data, static_cast<std::size_t>(size_bytes), ncclInt8, 1, comm_, stream()), "ncclSend", stop);
}

void Communicator::receive(void* data, std::int64_t size_bytes, const std::atomic<bool>& stop) {
  const std::lock_guard lock(mutex_);
  if (comm_ == nullptr || stop) throw runtime::Aborted();
  finish(ncclRecv(data, static_cast<std::size_t>(size_bytes), ncclInt8, 0, comm_, stream()), "ncclRecv", stop);
}

std::string Communicator::failure() {
  const std::unique_lock lock(mutex_, std::try_to_lock);
  if (!lock || comm_ == nullptr) return {};  // its own thread is looking
  ncclResult_t state = ncclSuccess;
  const ncclResult_t asked = ncclCommGetAsyncError(comm_, &state);
  if (asked != ncclSuccess) state = asked;
  if (state == ncclSuccess || state == ncclInProgress) return {};
  return fmt::format("NCCL on cuda:{}: {}", gpu_, ncclGetErrorString(state));
}

void Communicator::abort() noexcept {
  const std::lock_guard lock(mutex_);
  if (comm_ != nullptr) static_cast<void>(ncclCommAbort(comm_));
  comm_ = nullptr;
}

}  // namespace mp::nccl
