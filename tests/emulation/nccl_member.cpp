#include "tests/emulation/nccl_member.hpp"

#include <atomic>
#include <cstring>
#include <stdexcept>

#include "tests/emulation/machine.hpp"
#include "tests/emulation/memory.hpp"

namespace mp::emulation {

namespace {

std::atomic<const char*> warning{""};

const char* warning_of(ncclResult_t error) {
  switch (error) {
    case ncclInvalidUsage:
      return "members do not go together";
    case ncclRemoteError:
      return "a member was lost";
    default:
      return "a fault that was asked for";
  }
}

}  // namespace

const char* NcclMember::last_warning() { return warning; }

void NcclMember::join(const std::string& hub) {
  const std::shared_ptr<Link> link = connect_to(hub, shared_from_this());
  const std::lock_guard lock(mutex_);
  link_ = link;
  if (!link_) return fail(ncclRemoteError);
  link_->send({.kind = FrameKind::kJoin,
               .may_share_gpu = seat_.may_share_gpu,
               .rank = seat_.rank,
               .size = seat_.size,
               .device = seat_.device,
               .version = seat_.version});
}

ncclResult_t NcclMember::start(std::span<const NcclOperand> operands, cudaStream_t stream) {
  const std::lock_guard lock(mutex_);
  if (error_ != ncclSuccess) return error_;
  if (!has_settled_ || is_finalized_) return ncclInvalidArgument;  // as NCCL calls an operation before the last is done
  for (const NcclOperand& operand : operands) {
    const ncclResult_t result = start(operand, stream);
    if (result != ncclInProgress) return result;
  }
  has_settled_ = false;
  return ncclInProgress;
}

ncclResult_t NcclMember::start(const NcclOperand& operand, cudaStream_t stream) {
  const NcclTransfer& transfer = operand.transfer;
  if (transfer.peer < 0 || transfer.peer >= seat_.size) return ncclInvalidArgument;
  std::pair<int, int> ends{-1, -1};
  if (transfer.call == NcclCall::kSend) ends = {seat_.rank, transfer.peer};
  if (transfer.call == NcclCall::kReceive) ends = {transfer.peer, seat_.rank};
  const MeetingKey key{.sender = ends.first, .receiver = ends.second, .number = calls_[ends]++};
  if (put_in(stream, [self = shared_from_this(), key, operand] { self->meet(key, operand); }) != cudaSuccess) {
    return ncclUnhandledCudaError;
  }
  behind_[key] = put_point(stream);
  if (!std::exchange(is_connected_[ends], true) && !(seat_.connects_at_start && !is_message(transfer))) {
    connecting_ = key;
  }
  if (link_) link_->send({.kind = FrameKind::kCall, .result = operand.failure, .key = key, .transfer = transfer});
  return ncclInProgress;
}

void NcclMember::require_memory(const NcclOperand& operand) const {
  const std::size_t size = bytes_of(operand.transfer);
  for (const void* address : {operand.from, static_cast<const void*>(operand.to)}) {
    if (address == nullptr || size == 0) continue;
    const std::shared_ptr<Block> block = block_of(address, size);
    if (block && !block->is_freed && block->device == seat_.device) continue;
    throw std::runtime_error("NCCL: not memory of the device");
  }
}

// In the stream: waits until the streams of all members are here.
void NcclMember::meet(const MeetingKey& key, const NcclOperand& operand) {
  std::unique_lock lock(mutex_);
  if (has_left_) return;
  require_memory(operand);
  const std::size_t size = bytes_of(operand.transfer);
  const auto* const given = static_cast<const std::byte*>(operand.from);
  const std::size_t given_bytes = gives(operand.transfer, seat_.rank) ? size : 0;
  if (link_) link_->send({.kind = FrameKind::kArrive, .key = key}, {given, given_bytes});
  changed_.wait(lock, [&] { return has_left_ || outcomes_.contains(key); });
  if (has_left_) return;
  const std::vector<std::byte> outcome = std::move(outcomes_.extract(key).mapped());
  behind_.erase(key);
  lock.unlock();
  if (!outcome.empty()) std::memcpy(operand.to, outcome.data(), outcome.size());
}

ncclResult_t NcclMember::state() {
  const std::lock_guard lock(mutex_);
  if (error_ != ncclSuccess) return error_;
  if (!is_ready_ || connecting_ || is_finalized_ != all_are_finalized_) return ncclInProgress;
  has_settled_ = true;
  return ncclSuccess;
}

ncclResult_t NcclMember::finalize() {
  const std::lock_guard lock(mutex_);
  if (error_ != ncclSuccess) return error_;
  if (!has_settled_ || std::exchange(is_finalized_, true)) return ncclInvalidArgument;
  if (link_) link_->send({.kind = FrameKind::kFinalize});
  return ncclInProgress;
}

void NcclMember::leave() {
  const std::lock_guard lock(mutex_);
  has_left_ = true;
  if (link_) {
    link_->send({.kind = FrameKind::kLeave});
    link_->close();
    link_.reset();
  }
  changed_.notify_all();
}

void NcclMember::fail(ncclResult_t error) {
  if (error_ != ncclSuccess) return;
  error_ = error;
  warning = warning_of(error);
}

void NcclMember::take(Link& /*link*/, Frame frame) {
  const std::lock_guard lock(mutex_);
  const MeetingKey& key = frame.head.key;
  switch (frame.head.kind) {
    case FrameKind::kReady:
      is_ready_ = true;
      break;
    case FrameKind::kFail:
      fail(frame.head.result);
      break;
    case FrameKind::kCalled:
      if (connecting_ == key) connecting_.reset();
      break;
    case FrameKind::kDemand:  // a GPU does not wait to be asked
      if (const auto point = behind_.find(key); point != behind_.end()) point->second->demand();
      break;
    case FrameKind::kDone:
      outcomes_[key] = std::move(frame.data);
      changed_.notify_all();
      break;
    case FrameKind::kFinalized:
      all_are_finalized_ = true;
      break;
    default:
      break;
  }
}

void NcclMember::lost(Link& /*link*/) {
  const std::lock_guard lock(mutex_);
  link_.reset();
  if (!has_left_ && !all_are_finalized_ && machine().hears_of_deaths) fail(ncclRemoteError);
}

}  // namespace mp::emulation
