#include "tests/emulation/nccl_clique.hpp"

#include <cstring>
#include <stdexcept>

namespace mp::emulation {
namespace {

bool belong_together(const NcclTransfer& a, const NcclTransfer& b) {
  const bool is_message = a.call == NcclCall::kSend || a.call == NcclCall::kReceive;
  return bytes_of(a) == bytes_of(b) && a.type == b.type && a.group == b.group && a.place == b.place &&
         (is_message || (a.call == b.call && a.peer == b.peer));
}

void add_up(Meeting& meeting) {
  const std::size_t members = meeting.transfers.size();
  const std::size_t count = meeting.transfers.front().count;
  std::vector<float> sum(count);
  for (std::size_t e = 0; e < count; ++e) {
    const std::size_t piece = e * members / count;
    for (std::size_t i = 0; i < members; ++i) {
      const auto* values = static_cast<const float*>(meeting.transfers[(piece + 1 + i) % members].from);
      sum[e] = i == 0 ? values[e] : sum[e] + values[e];
    }
  }
  for (std::size_t m = 0; m < members; ++m) {
    const NcclTransfer& transfer = meeting.transfers[m];
    if (transfer.call == NcclCall::kReduce && static_cast<int>(m) != transfer.peer) continue;
    std::memcpy(transfer.to, sum.data(), count * sizeof(float));
  }
}

}  // namespace

std::size_t bytes_of(const NcclTransfer& transfer) {
  if (transfer.type == ncclInt8) return transfer.count;
  if (transfer.type == ncclFloat32) return transfer.count * sizeof(float);
  throw std::invalid_argument("the emulated NCCL has no such type");
}

std::shared_ptr<Meeting> Clique::meeting(const Key& key) {
  std::shared_ptr<Meeting>& meeting = meetings_[key];
  if (!meeting) {
    const auto size = static_cast<std::size_t>(size_);
    meeting = std::make_shared<Meeting>();
    meeting->transfers.resize(size);
    meeting->has_called.resize(size, false);
    meeting->is_at_work.resize(size, false);
    meeting->behind.resize(size);
    meeting->members = std::get<0>(key) < 0 ? size : 2;
  }
  return meeting;
}

void Clique::do_all(Meeting& meeting) {
  const NcclTransfer* first = nullptr;
  for (std::size_t m = 0; m < meeting.transfers.size(); ++m) {
    if (!meeting.has_called[m]) continue;
    if (first == nullptr) first = &meeting.transfers[m];
    if (!belong_together(*first, meeting.transfers[m])) throw std::invalid_argument("members call different things");
  }
  switch (first->call) {
    case NcclCall::kSend:
    case NcclCall::kReceive: {
      const NcclTransfer& send =
          first->call == NcclCall::kSend ? *first : meeting.transfers[static_cast<std::size_t>(first->peer)];
      const NcclTransfer& receive = meeting.transfers[static_cast<std::size_t>(send.peer)];
      if (bytes_of(send) > 0) std::memcpy(receive.to, send.from, bytes_of(send));
      return;
    }
    case NcclCall::kAllReduce:
    case NcclCall::kReduce:
      return add_up(meeting);
    case NcclCall::kBroadcast: {
      const NcclTransfer& root = meeting.transfers[static_cast<std::size_t>(first->peer)];
      for (const NcclTransfer& transfer : meeting.transfers) {
        if (transfer.to != nullptr && transfer.to != root.from) std::memcpy(transfer.to, root.from, bytes_of(root));
      }
      return;
    }
  }
}

}  // namespace mp::emulation
