#include "tests/emulation/nccl_hub.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "tests/emulation/machine.hpp"

namespace mp::emulation {
namespace {

bool belong_together(const NcclTransfer& a, const NcclTransfer& b) {
  return bytes_of(a) == bytes_of(b) && a.type == b.type && a.group == b.group && a.place == b.place &&
         (is_message(a) || (a.call == b.call && a.peer == b.peer));
}

// Of float32, round the ring, so that each piece of it is added in an order of its own, as NCCL's.
std::vector<std::byte> sum_of(const std::map<int, std::vector<std::byte>>& given, std::size_t count) {
  const std::size_t members = given.size();
  std::vector<const float*> values;
  for (const auto& [rank, data] : given) values.push_back(reinterpret_cast<const float*>(data.data()));
  std::vector<std::byte> result(count * sizeof(float));
  auto* const sum = reinterpret_cast<float*>(result.data());
  for (std::size_t e = 0; e < count; ++e) {
    const std::size_t piece = e * members / count;
    for (std::size_t i = 0; i < members; ++i) {
      const float value = values[(piece + 1 + i) % members][e];
      sum[e] = i == 0 ? value : sum[e] + value;
    }
  }
  return result;
}

// What those get that get something.
std::vector<std::byte> outcome_of(const Meeting& meeting) {
  const NcclTransfer& any = meeting.calls.begin()->second;
  if (any.call == NcclCall::kAllReduce || any.call == NcclCall::kReduce) return sum_of(meeting.arrived, any.count);
  for (const auto& [rank, transfer] : meeting.calls) {
    if (gives(transfer, rank)) return meeting.arrived.at(rank);
  }
  return {};
}

// Takes the connections to a hub, until all members have joined.
class HubDoor final : public Source {
 public:
  HubDoor(int descriptor, std::shared_ptr<NcclHub> hub) : Source(descriptor), hub_(std::move(hub)) {}

  bool serve() override {
    const int connection = accept4(descriptor(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (connection < 0) return true;
    LinkThread::of_process().add(std::make_shared<Link>(connection, hub_));
    return !hub_->is_full();
  }

 private:
  const std::shared_ptr<NcclHub> hub_;
};

}  // namespace

void open_hub(const std::string& name) {
  LinkThread::of_process().add(std::make_shared<HubDoor>(listen_as(name), std::make_shared<NcclHub>()));
}

void NcclHub::take(Link& link, Frame frame) {
  if (frame.head.kind == FrameKind::kJoin) return join(link, frame.head);
  const std::optional<int> rank = rank_of(link);
  if (!rank) return;
  switch (frame.head.kind) {
    case FrameKind::kCall:
      return call(*rank, frame.head);
    case FrameKind::kArrive:
      return arrive(*rank, frame.head.key, std::move(frame.data));
    case FrameKind::kFinalize:
      return finalize(members_.at(*rank));
    case FrameKind::kLeave:
      return leave(link);
    default:
      return;
  }
}

void NcclHub::tell(int rank, FrameHead head, std::span<const std::byte> data) {
  if (Link* const link = members_.at(rank).link) link->send(head, data);
}

bool NcclHub::may_join(const FrameHead& head) const {
  return (size_ == 0 || head.size == size_) && head.rank >= 0 && head.rank < head.size && !members_.contains(head.rank);
}

void NcclHub::join(Link& link, const FrameHead& head) {
  if (!may_join(head)) return link.send({.kind = FrameKind::kFail, .result = ncclInvalidArgument});
  size_ = head.size;
  members_[head.rank] = {.link = &link, .joined = head};
  if (is_full()) welcome();
}

// Whoever finds a fault with another member has an error; the others wait on for those.
void NcclHub::welcome() {
  std::vector<int> refused;
  for (const auto& [rank, seat] : members_) {
    const bool has_fault =
        std::any_of(members_.begin(), members_.end(), [&, &own = seat.joined, r = rank](const auto& m) {
          const FrameHead& other = m.second.joined;
          const bool shares = m.first != r && other.device == own.device;
          return other.version != own.version || (shares && !(own.may_share_gpu && other.may_share_gpu));
        });
    if (has_fault) refused.push_back(rank);
  }
  for (const int rank : refused) tell(rank, {.kind = FrameKind::kFail, .result = ncclInvalidUsage});
  if (!refused.empty()) return;
  for (const auto& [rank, seat] : members_) tell(rank, {.kind = FrameKind::kReady});
}

std::size_t NcclHub::expected_at(const MeetingKey& key) const {
  return key.sender >= 0 ? 2 : static_cast<std::size_t>(size_);
}

void NcclHub::call(int rank, const FrameHead& head) {
  Meeting& meeting = meetings_[head.key];
  meeting.calls[rank] = head.transfer;
  if (head.result != ncclSuccess) meeting.failure = head.result;
  if (!meeting.arrived.empty()) tell(rank, {.kind = FrameKind::kDemand, .key = head.key});
  if (meeting.calls.size() < expected_at(head.key)) return;
  for (const auto& [member, transfer] : meeting.calls) tell(member, {.kind = FrameKind::kCalled, .key = head.key});
}

void NcclHub::arrive(int rank, const MeetingKey& key, std::vector<std::byte> data) {
  Meeting& meeting = meetings_[key];
  meeting.arrived[rank] = std::move(data);
  if (meeting.failure == ncclInProgress) return;  // nobody hears of it
  if (meeting.failure != ncclSuccess) return tell(rank, {.kind = FrameKind::kFail, .result = meeting.failure});
  if (meeting.arrived.size() == expected_at(key)) {
    finish(key, meeting);
    meetings_.erase(key);
    return;
  }
  for (const auto& [member, transfer] : meeting.calls) {
    if (member != rank) tell(member, {.kind = FrameKind::kDemand, .key = key});
  }
}

void NcclHub::finish(const MeetingKey& key, const Meeting& meeting) {
  const bool fits = std::all_of(meeting.calls.begin(), meeting.calls.end(), [&](const auto& call) {
    return belong_together(call.second, meeting.calls.begin()->second);
  });
  if (!fits) {
    for (const auto& [rank, transfer] : meeting.calls) {
      tell(rank, {.kind = FrameKind::kFail, .result = ncclInvalidUsage});
    }
    return;
  }
  const std::vector<std::byte> outcome = outcome_of(meeting);
  for (const auto& [rank, transfer] : meeting.calls) {
    const std::span<const std::byte> data = gets(transfer, rank) ? std::span(outcome) : std::span<const std::byte>();
    tell(rank, {.kind = FrameKind::kDone, .key = key}, data);
  }
}

void NcclHub::finalize(Seat& seat) {
  seat.is_finalized = true;
  const bool all = is_full() && std::all_of(members_.begin(), members_.end(),
                                            [](const auto& member) { return member.second.is_finalized; });
  if (!all) return;
  for (const auto& [rank, member] : members_) tell(rank, {.kind = FrameKind::kFinalized});
}

void NcclHub::leave(Link& link) {
  if (const std::optional<int> rank = rank_of(link)) members_.at(*rank).link = nullptr;
}

std::optional<int> NcclHub::rank_of(const Link& link) const {
  for (const auto& [rank, seat] : members_) {
    if (seat.link == &link) return rank;
  }
  return std::nullopt;
}

// Without a word: its process is dead.
void NcclHub::lost(Link& link) {
  const bool is_death = rank_of(link).has_value();
  leave(link);
  if (!is_death || !machine().hears_of_deaths) return;
  for (const auto& [rank, seat] : members_) tell(rank, {.kind = FrameKind::kFail, .result = ncclRemoteError});
}

}  // namespace mp::emulation
