// Heartbeats between the ranks: who died, who fell silent, who failed and why; apart from all other communication.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "runtime/ranks/socket.hpp"

namespace mp::runtime {

// Why the run is over: the first thing that went wrong on any rank, the same on all of them.
struct Failure {
  int rank = 0;       // whose it is
  int exit_code = 5;  // of every rank
  std::string text;   // for the user, naming the rank
  friend bool operator==(const Failure&, const Failure&) = default;
};

struct WatchOptions {
  int rank = 0;
  std::vector<std::string> names;           // of the ranks, by rank: "rank 2 (host b, device 4)"
  std::chrono::milliseconds silence{8000};  // after which a connection counts as cut
  // All are called once, from any thread, in this order.
  std::function<void(const Failure&)> tell;         // seen here first: no rank has told it, nor heard of it
  std::function<void(const Failure&)> stop;         // ends waits of this process
  std::function<void(const Failure&)> last_resort;  // the process has not ended `grace` later
  std::chrono::milliseconds grace{5000};
};

// A thread that sends a sign of life over each control connection a few times per `silence`, and listens. Rank 0 hears
// of everything and tells the others. A closed connection is a dead rank, silence a cut connection or a host that is
// down; a connection may end without harm only after leave().
class Watch {
 public:
  // `control`: by rank, as of Meeting.
  Watch(WatchOptions options, std::vector<Socket> control);
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;
  ~Watch();

  // This rank has failed, or has seen a failure: tells rank 0, and returns when the verdict is known.
  void report(Failure failure);
  [[nodiscard]] std::optional<Failure> failure() const;
  // Waits for a failure that must come, since something broke; nothing if none has after the time of a silence.
  [[nodiscard]] std::optional<Failure> await_failure();
  // All ranks are done (a barrier has been passed): connections may be closed. Waits until the others say so, too.
  void leave();
  void rename(std::vector<std::string> names);

  // What goes out with every sign of life from now on, and what each rank has sent last.
  void send_pulse(std::string pulse);
  [[nodiscard]] std::string pulse(std::size_t rank) const;
  [[nodiscard]] std::chrono::steady_clock::duration interval() const { return interval_; }  // of the signs of life

 private:
  using Clock = SocketClock;
  enum class Kind : std::uint8_t { kBeat, kFailed, kAbort, kLeave };
  enum class State : std::uint8_t { kNone, kHere, kLeft, kGone };
  struct Peer {
    Socket socket;
    State state = State::kNone;
    Clock::time_point heard;
    std::vector<std::byte> unread;
    std::string pulse;
  };

  void run();
  [[nodiscard]] bool listen_to_all();  // for a tick; false: quit
  [[nodiscard]] bool is_overdue(Clock::time_point now) const;
  void beat();
  void listen(std::size_t peer);
  void take_frames(std::size_t peer);
  void look_for_silence(Clock::time_point now);
  void lost(std::size_t peer, const std::string& how);
  enum class Told : std::uint8_t { kNo, kYes };
  void record(Failure failure, Told told = Told::kNo);
  void send(std::size_t peer, Kind kind, const Failure& failure);
  void send_to_all(Kind kind, const Failure& failure);
  void say_goodbye();

  WatchOptions options_;
  Clock::duration interval_;
  std::vector<Peer> peers_;
  mutable std::mutex mutex_;  // of everything below, and of peers' states and pulses
  std::string pulse_;
  std::condition_variable changed_;
  std::optional<Failure> failure_;
  Clock::time_point failed_at_;
  bool leaving_ = false;
  bool quit_ = false;
  std::mutex sending_;
  std::thread thread_;
};

}  // namespace mp::runtime
