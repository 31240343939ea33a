// Members of a communicator, and how their calls find each other.
#pragma once

#include <nccl.h>

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <tuple>
#include <vector>

#include "tests/emulation/stream.hpp"

namespace mp::emulation {

enum class NcclCall : std::uint8_t { kSend, kReceive, kAllReduce, kReduce, kBroadcast };

struct NcclTransfer {
  NcclCall call = NcclCall::kSend;
  const void* from = nullptr;
  void* to = nullptr;
  std::size_t count = 0;
  ncclDataType_t type = ncclInt8;
  int peer = 0;  // or root
  // Between ncclGroupStart and ncclGroupEnd: how many there are, and which of them this is.
  std::size_t group = 1;
  std::size_t place = 0;
};

// Calls of members that belong together: the n-th send from a to b and the n-th receive there; the n-th collectives.
struct Meeting {
  std::vector<NcclTransfer> transfers;         // by member
  std::vector<bool> has_called;                // by member
  std::vector<bool> is_at_work;                // its stream has come to it
  std::vector<std::shared_ptr<Point>> behind;  // by member: behind its work
  std::size_t members = 2;                     // how many take part
  bool is_done = false;
  ncclResult_t failure = ncclSuccess;  // it never ends, and whoever comes to it has this error
};

class Clique {
 public:
  explicit Clique(int size) : joined(static_cast<std::size_t>(size), false), size_(size) {}

  // Sender, receiver, number; collectives: −1, −1, number.
  using Key = std::tuple<int, int, std::uint64_t>;
  [[nodiscard]] std::shared_ptr<Meeting> meeting(const Key& key);  // mutex is held

  // Does the work of all once all are there: sums go round the ring, so that each piece of them is added in an order of
  // its own, as NCCL's.
  static void do_all(Meeting& meeting);

  [[nodiscard]] int size() const { return size_; }

  std::mutex mutex;  // of all below
  std::condition_variable changed;
  std::vector<bool> joined;
  std::vector<int> devices;  // of those that have joined
  std::size_t finalized = 0;

 private:
  const int size_;
  std::map<Key, std::shared_ptr<Meeting>> meetings_;
};

[[nodiscard]] std::size_t bytes_of(const NcclTransfer& transfer);

}  // namespace mp::emulation
