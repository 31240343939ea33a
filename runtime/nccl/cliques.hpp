// The communicators of a Program: which devices are in one, and their ends in this process.
#pragma once

#include <nccl.h>

#include <atomic>
#include <compare>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <vector>

#include "lib/program/program.hpp"
#include "runtime/nccl/communicator.hpp"
#include "runtime/ranks/rank_group.hpp"

namespace mp::nccl {

// Transfers of one communicator run one after another, so what need not wait for each other has communicators of its
// own.
enum class Lane : std::uint8_t { kMessages, kSums, kValues };

struct CliqueName {
  Lane lane = Lane::kMessages;
  std::vector<DeviceId> members = {};  // of messages: sender, receiver
  friend auto operator<=>(const CliqueName&, const CliqueName&) = default;
};
[[nodiscard]] CliqueName clique_of(const Message& message);
[[nodiscard]] CliqueName clique_of(const Collective& collective);

class Cliques {
 public:
  // Of all messages and collectives that an own device takes part in. `gpus` of all devices, −1 where they are another
  // process's. With ranks, which bring each other the communicators' ids, to be made on all of them alike. Only starts
  // to connect.
  Cliques(const Program& program, const std::vector<int>& gpus, runtime::RankGroup* ranks);
  ~Cliques() { abort(); }
  Cliques(const Cliques&) = delete;
  Cliques& operator=(const Cliques&) = delete;

  // Waits until all are connected, for messages and for sums: NCCL connects at the first transfer, where a sender would
  // wait for the receiver's call, which a Program does not allow for. Throws RunError, when the patience with one of them
  // is at its end, too, or Aborted once `stop` is set.
  void connect(const Waiting& waiting);
  // The end of a good run.
  void close(const std::atomic<bool>& stop) noexcept;
  void abort() noexcept;
  // The first failure behind the calls; empty: none.
  [[nodiscard]] std::string failure();

  // Null: it is another process's.
  [[nodiscard]] Communicator* end(const CliqueName& name, DeviceId device);

 private:
  using Ends = std::vector<std::unique_ptr<Communicator>>;  // by member
  template <class Action>
  void on_each(Action action);
  void make_ids(const std::vector<int>& gpus, runtime::RankGroup* ranks);

  std::map<CliqueName, Ends> cliques_;
  std::vector<ncclUniqueId> ids_;  // beside the cliques
};

}  // namespace mp::nccl
