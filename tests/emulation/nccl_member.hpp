// A member of an emulated communicator: what it has called, and what its streams wait for.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "tests/emulation/nccl_link.hpp"
#include "tests/emulation/stream.hpp"

namespace mp::emulation {

struct NcclOperand {
  NcclTransfer transfer = {};
  const void* from = nullptr;
  void* to = nullptr;
  ncclResult_t failure = ncclSuccess;  // the transfer never ends, and whoever comes to it has this error
};

struct NcclSeat {
  int rank = 0;
  int size = 0;
  int device = 0;
  int version = 0;
  bool may_share_gpu = false;
  bool connects_at_start = false;  // for all but messages
};

// Shared with the work in streams, which may outlive the communicator's handle.
class NcclMember final : public LinkUser, public std::enable_shared_from_this<NcclMember> {
 public:
  explicit NcclMember(const NcclSeat& seat) : seat_(seat) {}

  void join(const std::string& hub);
  // All of a group, into the stream. ncclInProgress, or what is wrong with them.
  [[nodiscard]] ncclResult_t start(std::span<const NcclOperand> operands, cudaStream_t stream);
  // What it is at, or what has failed.
  [[nodiscard]] ncclResult_t state();
  [[nodiscard]] ncclResult_t finalize();
  // Ends the waits of its streams.
  void leave();
  [[nodiscard]] const NcclSeat& seat() const { return seat_; }
  // Of any member in this process; lives on.
  [[nodiscard]] static const char* last_warning();

  void take(Link& link, Frame frame) override;
  void lost(Link& link) override;

 private:
  [[nodiscard]] ncclResult_t start(const NcclOperand& operand, cudaStream_t stream);
  void meet(const MeetingKey& key, const NcclOperand& operand);
  void fail(ncclResult_t error);
  void require_memory(const NcclOperand& operand) const;

  const NcclSeat seat_;
  std::mutex mutex_;  // of all below
  std::condition_variable changed_;
  std::shared_ptr<Link> link_;  // null: it has left, or its hub has
  ncclResult_t error_ = ncclSuccess;
  bool is_ready_ = false;     // all have joined
  bool has_settled_ = false;  // somebody has asked, and nothing was in progress: it may be called
  bool has_left_ = false;
  bool is_finalized_ = false;
  bool all_are_finalized_ = false;
  std::map<std::pair<int, int>, std::uint64_t> calls_;  // by sender and receiver
  std::map<std::pair<int, int>, bool> is_connected_;
  std::optional<MeetingKey> connecting_;  // the first with these members: begun until all of them have called
  std::map<MeetingKey, std::shared_ptr<Point>> behind_;    // the work of a transfer
  std::map<MeetingKey, std::vector<std::byte>> outcomes_;  // that have come and are not taken
};

}  // namespace mp::emulation
