// The processes that train together: which devices are whose, what they tell each other between steps, and what becomes
// of all when one fails.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "lib/base/ids.hpp"
#include "lib/program/program.hpp"
#include "runtime/ranks/meeting.hpp"
#include "runtime/ranks/watch.hpp"
#include "runtime/transport.hpp"

namespace mp::runtime {

class RankGroup;

// Makes the transport of messages between devices of different ranks: called on all ranks alike. `messages` are all of
// the program; data is in host memory.
using RemoteTransportFactory = std::function<std::unique_ptr<Transport>(RankGroup&, std::span<const Message>)>;

struct RankGroupOptions {
  MeetingPlace place;
  RemoteTransportFactory make_transport;
  std::chrono::milliseconds silence{8000};           // see Watch
  std::function<void(const Failure&)> tell;          // called on the one rank that speaks for all
  std::function<void(const Failure&)> last_resort;   // ends a process that cannot end by itself
};

// Devices [first, last) of a plan.
struct DeviceShare {
  std::size_t first = 0;
  std::size_t last = 0;
  friend bool operator==(const DeviceShare&, const DeviceShare&) = default;
};
// Contiguous blocks in the order of the ranks, as equal as can be, the larger ones first.
[[nodiscard]] DeviceShare share_of(int rank, int ranks, std::size_t devices);

// Collectives are to be called by one thread, on all ranks in the same order. They throw Aborted when the run has failed
// anywhere: failure() says why.
class RankGroup {
 public:
  // Returns when all ranks have met. Throws RunError where they do not.
  explicit RankGroup(RankGroupOptions options);
  RankGroup(const RankGroup&) = delete;
  RankGroup& operator=(const RankGroup&) = delete;
  ~RankGroup();

  [[nodiscard]] int rank() const { return rank_; }
  [[nodiscard]] int size() const { return static_cast<int>(places_.size()); }
  [[nodiscard]] bool is_first() const { return rank_ == 0; }
  [[nodiscard]] const RankPlace& place(int rank) const { return places_[static_cast<std::size_t>(rank)]; }
  [[nodiscard]] std::string name(int rank) const;  // "rank 2 (host b, devices 4-5)"

  // Shares out the devices of the plan. Throws UsageError where there are fewer of them than ranks.
  void share_devices(std::size_t devices);
  [[nodiscard]] DeviceShare share() const { return share_of(rank_, size(), devices_); }
  [[nodiscard]] int rank_of(DeviceId device) const;
  [[nodiscard]] std::unique_ptr<Transport> make_transport(std::span<const Message> messages);

  void broadcast(int root, std::span<std::byte> data);  // root's to all
  void send_to_all(std::span<const std::byte> data);    // its counterpart on the root: rank 0's broadcast(0, …)
  void move_to_first(int from, std::span<std::byte> data);  // from's to rank 0; others do nothing
  void move_from_first(int to, std::span<std::byte> data);  // and back
  // What each rank gives, by rank, on rank 0; nothing elsewhere.
  [[nodiscard]] std::vector<std::string> gather(const std::string& own);
  [[nodiscard]] std::string broadcast_text(std::string first);  // rank 0's
  [[nodiscard]] bool any(bool own);                             // true on one: true on all

  // This rank has failed: the others end, too; the first failure of all is told, by one rank. Returns when it is known.
  // `text` is begun with this rank's name unless it is `everybodys`.
  enum class Whose : std::uint8_t { kOwn, kEverybodys };
  void fail(int exit_code, const std::string& text, Whose whose = Whose::kOwn);
  [[nodiscard]] std::optional<Failure> failure() const { return watch_->failure(); }
  // Communication broke: waits for the failure behind it, or makes it one of this rank.
  void broke(const std::string& what);
  // The same of a connection to `peer`; throws Aborted.
  [[noreturn]] void lost(int peer, const std::string& what);

  // `end_waits` is called when the run fails, from any thread; at once if it has. Until forget() returns.
  int on_failure(std::function<void()> end_waits);
  void forget(int listener);

  // Travels to rank 0 with the signs of life; what each rank has sent last (empty: nothing yet). See Watch.
  void send_pulse(std::string pulse) { watch_->send_pulse(std::move(pulse)); }
  [[nodiscard]] std::string pulse(int rank) const { return watch_->pulse(static_cast<std::size_t>(rank)); }
  [[nodiscard]] std::chrono::steady_clock::duration pulse_interval() const { return watch_->interval(); }
  // Whether the thread that calls the collectives is in one, waiting for another rank.
  [[nodiscard]] bool is_in_collective() const { return is_in_collective_.load(std::memory_order_relaxed); }

  // The end of a good run, on all ranks: connections may be closed from then on.
  void leave();

 private:
  [[nodiscard]] bool speaks_without_first() const;
  [[nodiscard]] std::vector<std::string> names() const;
  void end_waits();
  void send(int to, std::span<const std::byte> data);
  void receive(int from, std::span<std::byte> data);

  int rank_;
  std::size_t devices_ = 0;
  RemoteTransportFactory make_transport_;
  std::vector<RankPlace> places_;
  std::vector<Socket> data_;
  std::mutex mutex_;
  std::map<int, std::function<void()>> listeners_;
  int next_listener_ = 0;
  bool has_failed_ = false;
  std::atomic<bool> is_in_collective_{false};
  std::unique_ptr<Watch> watch_;  // last: its thread uses all of the above
};

}  // namespace mp::runtime
