// Where the calls of a communicator's members find each other: in the process that made its id, whose end cuts off the
// members of other processes.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "tests/emulation/nccl_link.hpp"

namespace mp::emulation {

// Calls of members that belong together. By member; those that take part have called.
struct Meeting {
  std::map<int, NcclTransfer> calls;
  std::map<int, std::vector<std::byte>> arrived;  // whose streams have come to it, with what they give
  // It never ends, and whoever comes to it has this error, but ncclInProgress.
  ncclResult_t failure = ncclSuccess;
};

// All is done by the process's thread.
class NcclHub final : public LinkUser {
 public:
  void take(Link& link, Frame frame) override;
  void lost(Link& link) override;
  [[nodiscard]] bool is_full() const { return size_ > 0 && members_.size() == static_cast<std::size_t>(size_); }

 private:
  struct Seat {
    Link* link = nullptr;  // null: gone
    FrameHead joined = {};
    bool is_finalized = false;
  };

  void join(Link& link, const FrameHead& head);
  void welcome();
  [[nodiscard]] bool may_join(const FrameHead& head) const;
  void call(int rank, const FrameHead& head);
  void arrive(int rank, const MeetingKey& key, std::vector<std::byte> data);
  void finish(const MeetingKey& key, const Meeting& meeting);
  void finalize(Seat& seat);
  void leave(Link& link);
  void tell(int rank, FrameHead head, std::span<const std::byte> data = {});
  [[nodiscard]] std::size_t expected_at(const MeetingKey& key) const;
  [[nodiscard]] std::optional<int> rank_of(const Link& link) const;

  int size_ = 0;                            // as the first to join says
  std::map<int, Seat> members_;             // by rank
  std::map<MeetingKey, Meeting> meetings_;  // that are not done
};

// Opens a hub; the name is what its members connect_to().
void open_hub(const std::string& name);

}  // namespace mp::emulation
