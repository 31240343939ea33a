// What members of an emulated communicator call, and which calls belong together.
#pragma once

#include <nccl.h>

#include <compare>
#include <cstddef>
#include <cstdint>
#include <stdexcept>

namespace mp::emulation {

enum class NcclCall : std::uint8_t { kSend, kReceive, kAllReduce, kReduce, kBroadcast };

// Sent as bytes.
struct NcclTransfer {
  NcclCall call = NcclCall::kSend;
  ncclDataType_t type = ncclInt8;
  int peer = 0;  // or root
  std::uint64_t count = 0;
  // Between ncclGroupStart and ncclGroupEnd: how many there are, and which of them this is.
  std::uint64_t group = 1;
  std::uint64_t place = 0;
};

inline bool is_message(const NcclTransfer& transfer) {
  return transfer.call == NcclCall::kSend || transfer.call == NcclCall::kReceive;
}

inline std::size_t bytes_of(const NcclTransfer& transfer) {
  if (transfer.type == ncclInt8) return transfer.count;
  if (transfer.type == ncclFloat32) return transfer.count * sizeof(float);
  throw std::invalid_argument("the emulated NCCL has no such type");
}

// What a member gives, and gets.
inline bool gives(const NcclTransfer& transfer, int rank) {
  if (transfer.call == NcclCall::kBroadcast) return transfer.peer == rank;
  return transfer.call != NcclCall::kReceive;
}
inline bool gets(const NcclTransfer& transfer, int rank) {
  if (transfer.call == NcclCall::kReduce) return transfer.peer == rank;
  return transfer.call != NcclCall::kSend;
}

// The n-th send from one member to another and the n-th receive there; the n-th collectives, whose ends are −1.
struct MeetingKey {
  int sender = -1;
  int receiver = -1;
  std::uint64_t number = 0;
  friend auto operator<=>(const MeetingKey&, const MeetingKey&) = default;
};

}  // namespace mp::emulation
