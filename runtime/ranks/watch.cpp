#include "runtime/ranks/watch.hpp"

#include <fmt/core.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "lib/base/thread_name.hpp"

namespace mp::runtime {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kMostText = 1 << 16;
constexpr auto kGoodbye = 2s;

struct Header {
  std::uint8_t kind = 0;
  std::uint8_t exit_code = 0;
  std::uint16_t padding = 0;
  std::int32_t rank = 0;
  std::uint32_t text_bytes = 0;
};

}  // namespace

Watch::Watch(WatchOptions options, std::vector<Socket> control)
    : options_(std::move(options)), interval_(std::min<Clock::duration>(1s, options_.silence / 5)) {
  const Clock::time_point now = Clock::now();
  peers_.resize(control.size());
  for (std::size_t r = 0; r < peers_.size(); ++r) {
    if (!control[r].is_open()) continue;
    peers_[r] = {.socket = std::move(control[r]), .state = State::kHere, .heard = now, .unread = {}, .pulse = {}};
  }
  thread_ = std::thread([this] {
    name_this_thread("rank watch");
    run();
  });
}

Watch::~Watch() {
  {
    const std::lock_guard lock(mutex_);
    quit_ = true;
  }
  thread_.join();
  say_goodbye();
}

// A socket closed with bytes unread would take back what was sent last: the other side reads first, then closes.
void Watch::say_goodbye() {
  if (options_.rank != 0 || !failure_) return;
  const Clock::time_point deadline = Clock::now() + kGoodbye;
  for (Peer& peer : peers_) peer.socket.end_writing();
  for (Peer& peer : peers_) {
    std::array<std::byte, 256> ignored{};
    while (peer.state == State::kHere && Clock::now() < deadline) {
      pollfd poller{.fd = peer.socket.descriptor(), .events = POLLIN, .revents = 0};
      const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
      if (poll(&poller, 1, static_cast<int>(std::max<std::int64_t>(left, 0))) <= 0) break;
      if (recv(peer.socket.descriptor(), ignored.data(), ignored.size(), MSG_DONTWAIT) <= 0) break;
    }
  }
}

bool Watch::listen_to_all() {
  std::vector<pollfd> pollers;
  std::vector<std::size_t> ranks;
  {
    const std::lock_guard lock(mutex_);
    if (quit_) return false;
    for (std::size_t r = 0; r < peers_.size(); ++r) {
      if (peers_[r].state != State::kHere && peers_[r].state != State::kLeft) continue;
      pollers.push_back({.fd = peers_[r].socket.descriptor(), .events = POLLIN, .revents = 0});
      ranks.push_back(r);
    }
  }
  constexpr int kTick = 50;  // ms: how soon an end is noticed
  static_cast<void>(poll(pollers.data(), pollers.size(), kTick));
  for (std::size_t i = 0; i < ranks.size(); ++i) {
    if (pollers[i].revents != 0) listen(ranks[i]);
  }
  return true;
}

// The process has not ended in the time that a failure leaves it.
bool Watch::is_overdue(Clock::time_point now) const {
  const std::lock_guard lock(mutex_);
  return failure_ && now - failed_at_ > options_.grace;
}

void Watch::run() {
  Clock::time_point next_beat = Clock::now();
  bool resorted = false;
  Clock::time_point before = Clock::now();
  while (listen_to_all()) {
    const Clock::time_point now = Clock::now();
    if (now >= next_beat) {
      beat();
      next_beat = now + interval_;
    }
    if (now - before > options_.silence / 2) {  // this process was stopped itself: nobody else's silence
      for (Peer& peer : peers_) peer.heard = now;
    }
    look_for_silence(now);
    if (!resorted && is_overdue(now)) {
      resorted = true;
      if (options_.last_resort) options_.last_resort(*failure_);
    }
    before = Clock::now();
  }
}

void Watch::listen(std::size_t rank) {
  Peer& peer = peers_[rank];
  std::array<std::byte, 4096> piece{};
  const ssize_t count = recv(peer.socket.descriptor(), piece.data(), piece.size(), MSG_DONTWAIT);
  if (count < 0 && (errno == EINTR || errno == EAGAIN)) return;
  if (count <= 0) {
    const bool is_cut = count < 0 && errno != ECONNRESET && errno != EPIPE;
    return lost(rank, is_cut ? fmt::format("cannot be reached any more ({})", std::strerror(errno))
                             : "ended without a word: killed, or out of memory");
  }
  peer.heard = Clock::now();
  peer.unread.insert(peer.unread.end(), piece.begin(), piece.begin() + count);
  take_frames(rank);
}

void Watch::take_frames(std::size_t rank) {
  Peer& peer = peers_[rank];
  Header header;
  while (peer.unread.size() >= sizeof header) {
    std::memcpy(&header, peer.unread.data(), sizeof header);
    if (header.text_bytes > kMostText) return lost(rank, "sends what no rank sends");
    if (peer.unread.size() < sizeof header + header.text_bytes) return;
    Failure failure{.rank = header.rank, .exit_code = header.exit_code, .text = std::string(header.text_bytes, ' ')};
    std::memcpy(failure.text.data(), peer.unread.data() + sizeof header, header.text_bytes);
    peer.unread.erase(peer.unread.begin(),
                      peer.unread.begin() + static_cast<std::ptrdiff_t>(sizeof header + header.text_bytes));
    switch (static_cast<Kind>(header.kind)) {
      case Kind::kBeat: {
        const std::lock_guard lock(mutex_);
        peer.pulse = std::move(failure.text);
        break;
      }
      case Kind::kFailed:
        record(std::move(failure));
        break;
      case Kind::kAbort:
        record(std::move(failure), Told::kYes);
        break;
      case Kind::kLeave: {
        const std::lock_guard lock(mutex_);
        peer.state = State::kLeft;
        changed_.notify_all();
        break;
      }
    }
  }
}

void Watch::look_for_silence(Clock::time_point now) {
  for (std::size_t r = 0; r < peers_.size(); ++r) {
    if (peers_[r].state != State::kHere || now - peers_[r].heard < options_.silence) continue;
    lost(r, fmt::format("has not been heard of for {:g} s: its host is down, or the connection to it is cut",
                        std::chrono::duration<double>(options_.silence).count()));
  }
}

void Watch::lost(std::size_t rank, const std::string& how) {
  std::string name;
  {
    const std::lock_guard lock(mutex_);
    const State before = std::exchange(peers_[rank].state, State::kGone);
    changed_.notify_all();
    if (before != State::kHere || leaving_) return;
    name = options_.names[rank];
  }
  record({.rank = static_cast<int>(rank), .text = name + " " + how});
}

void Watch::record(Failure failure, Told told) {
  {
    const std::lock_guard lock(mutex_);
    if (failure_) return;
    failure_ = std::move(failure);
    failed_at_ = Clock::now();
  }
  if (told == Told::kNo && options_.tell) options_.tell(*failure_);  // never changed again
  if (options_.rank == 0) send_to_all(Kind::kAbort, *failure_);
  if (options_.stop) options_.stop(*failure_);
  changed_.notify_all();
}

void Watch::send(std::size_t rank, Kind kind, const Failure& failure) {
  const std::string_view text = std::string_view(failure.text).substr(0, kMostText);
  const Header header{.kind = static_cast<std::uint8_t>(kind),
                      .exit_code = static_cast<std::uint8_t>(failure.exit_code),
                      .rank = failure.rank,
                      .text_bytes = static_cast<std::uint32_t>(text.size())};
  std::string frame(sizeof header, ' ');
  std::memcpy(frame.data(), &header, sizeof header);
  frame += text;
  // A full buffer means a peer that has not read for long: its silence is noticed, or ours there.
  const std::lock_guard lock(sending_);
  static_cast<void>(::send(peers_[rank].socket.descriptor(), frame.data(), frame.size(), MSG_NOSIGNAL | MSG_DONTWAIT));
}

void Watch::send_to_all(Kind kind, const Failure& failure) {
  for (std::size_t r = 0; r < peers_.size(); ++r) {
    if (peers_[r].socket.is_open()) send(r, kind, failure);
  }
}

void Watch::report(Failure failure) {
  if (options_.rank == 0) return record(std::move(failure));
  send(0, Kind::kFailed, failure);
  if (!await_failure()) record(std::move(failure));
}

std::optional<Failure> Watch::failure() const {
  const std::lock_guard lock(mutex_);
  return failure_;
}

std::optional<Failure> Watch::await_failure() {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, options_.silence + 2 * interval_, [this] { return failure_.has_value(); });
  return failure_;
}

void Watch::leave() {
  {
    const std::lock_guard lock(mutex_);
    if (failure_) return;
    leaving_ = true;
  }
  send_to_all(Kind::kLeave, {});
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, kGoodbye, [this] {
    return std::none_of(peers_.begin(), peers_.end(), [](const Peer& peer) { return peer.state == State::kHere; });
  });
}

void Watch::beat() {
  Failure carrier;
  {
    const std::lock_guard lock(mutex_);
    carrier.text = pulse_;
  }
  send_to_all(Kind::kBeat, carrier);
}

void Watch::send_pulse(std::string pulse) {
  const std::lock_guard lock(mutex_);
  pulse_ = std::move(pulse);
}

std::string Watch::pulse(std::size_t rank) const {
  const std::lock_guard lock(mutex_);
  return peers_[rank].pulse;
}

void Watch::rename(std::vector<std::string> names) {
  const std::lock_guard lock(mutex_);
  options_.names = std::move(names);
}

}  // namespace mp::runtime
