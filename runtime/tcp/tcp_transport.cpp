#include "runtime/tcp/tcp_transport.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>
#include <random>
#include <utility>

#include "lib/base/check.hpp"
#include "lib/base/error.hpp"
#include "lib/base/thread_name.hpp"

namespace mp::runtime {
namespace {

using namespace std::chrono_literals;

constexpr auto kPatience = 30s;  // of a rank with connecting, and again with those that connect to it

// What a connection begins with.
struct LaneHello {
  std::uint64_t token = 0;
  std::int32_t from = 0;
  std::int32_t to = 0;
};

template <class T>
std::span<std::byte> bytes_of(T& value) {
  return std::as_writable_bytes(std::span(&value, 1));
}

}  // namespace

// Where each rank listens, and a number that only they know.
struct TcpTransport::Doors {
  std::vector<std::uint16_t> ports;
  std::uint64_t token = 0;
};

TcpTransport::Doors TcpTransport::exchange_doors(std::uint16_t own_port) {
  Doors doors;
  std::string joined;
  for (const std::string& port : ranks_.gather(std::to_string(own_port))) joined += port + ' ';
  joined = ranks_.broadcast_text(joined);
  for (std::size_t at = 0; at < joined.size(); at = joined.find(' ', at) + 1) {
    doors.ports.push_back(static_cast<std::uint16_t>(std::stoul(joined.substr(at))));
  }
  std::random_device random;  // against strangers, not for numbers
  doors.token = (std::uint64_t{random()} << 32U) | random();
  ranks_.broadcast(0, bytes_of(doors.token));
  return doors;
}

TcpTransport::TcpTransport(RankGroup& ranks, std::span<const Message> messages)
    : ranks_(ranks), slots_(messages.size()) {
  make_lanes(messages);
  open_lanes();
  for (const std::unique_ptr<Lane>& lane : lanes_) {
    lane->queue.reserve(lane->messages);
    if (!lane->is_outgoing) continue;
    lane->writer = std::thread([this, l = lane.get()] {
      name_this_thread(fmt::format("to device {}", index(l->to)));
      write_all(*l);
    });
  }
}

TcpTransport::~TcpTransport() {
  for (const std::unique_ptr<Lane>& lane : lanes_) {
    {
      const std::lock_guard lock(lane->mutex);
      lane->quit = true;
    }
    lane->posted.notify_all();
    if (lane->writer.joinable()) lane->writer.join();
  }
}

void TcpTransport::make_lanes(std::span<const Message> messages) {
  std::map<std::pair<DeviceId, DeviceId>, Lane*> by_ends;
  for (std::size_t m = 0; m < messages.size(); ++m) {
    const Message& message = messages[m];
    const int from = ranks_.rank_of(message.from);
    const int to = ranks_.rank_of(message.to);
    if (from == to || (from != ranks_.rank() && to != ranks_.rank())) continue;
    const auto [found, is_new] = by_ends.try_emplace({message.from, message.to}, nullptr);
    if (is_new) {
      lanes_.push_back(std::make_unique<Lane>());
      found->second = lanes_.back().get();
      found->second->from = message.from;
      found->second->to = message.to;
      found->second->is_outgoing = from == ranks_.rank();
      found->second->peer = from == ranks_.rank() ? to : from;
    }
    slots_[m].size_bytes = message.size_bytes;
    slots_[m].lane = found->second;
    ++found->second->messages;
  }
}

// All connect before any accepts: the listeners hold the connections that long.
void TcpTransport::open_lanes() {
  const Socket listener = listen_on(0);
  const Doors doors = exchange_doors(port_of(listener));
  connect_outgoing(doors);
  accept_incoming(listener, doors);
}

void TcpTransport::connect_outgoing(const Doors& doors) {
  const SocketClock::time_point deadline = SocketClock::now() + kPatience;
  for (const std::unique_ptr<Lane>& lane : lanes_) {
    if (!lane->is_outgoing) continue;
    std::string why;
    std::optional<Socket> socket =
        connect_to(ranks_.place(lane->peer).address, doors.ports[static_cast<std::size_t>(lane->peer)], deadline, why);
    LaneHello hello{.token = doors.token,
                    .from = static_cast<std::int32_t>(index(lane->from)),
                    .to = static_cast<std::int32_t>(index(lane->to))};
    if (!socket || !socket->write(bytes_of(hello))) {
      throw RunError(fmt::format("cannot connect to {}: {}", ranks_.name(lane->peer), why));
    }
    lane->socket = *std::move(socket);
  }
}

void TcpTransport::accept_incoming(const Socket& listener, const Doors& doors) {
  const SocketClock::time_point deadline = SocketClock::now() + kPatience;
  auto incoming =
      std::count_if(lanes_.begin(), lanes_.end(), [](const std::unique_ptr<Lane>& lane) { return !lane->is_outgoing; });
  while (incoming > 0) {
    std::optional<Socket> socket = accept_from(listener, std::min(deadline, SocketClock::now() + 100ms));
    if (!socket && ranks_.failure()) throw Aborted();
    if (!socket && SocketClock::now() >= deadline) {
      throw RunError(fmt::format("{} connections from other ranks did not come within {} s", incoming,
                                 std::chrono::seconds(kPatience).count()));
    }
    if (!socket) continue;
    LaneHello hello;
    socket->set_timeout(5s);
    if (!socket->read(bytes_of(hello)) || hello.token != doors.token) continue;  // a stranger
    socket->set_timeout(0s);
    const auto lane = std::find_if(lanes_.begin(), lanes_.end(), [&](const std::unique_ptr<Lane>& l) {
      return !l->is_outgoing && static_cast<std::int32_t>(index(l->from)) == hello.from &&
             static_cast<std::int32_t>(index(l->to)) == hello.to;
    });
    MP_CHECK(lane != lanes_.end());
    (*lane)->socket = *std::move(socket);
    --incoming;
  }
}

void TcpTransport::fail(const Lane& lane, const std::string& what) {
  if (aborted_) throw Aborted();
  ranks_.lost(lane.peer, fmt::format("from device {} to device {}: {}", index(lane.from), index(lane.to), what));
}

void TcpTransport::send(std::int32_t message, const void* data) {
  Slot& slot = slots_[static_cast<std::size_t>(message)];
  slot.data = data;
  State seen = State::kIdle;
  if (!slot.state.compare_exchange_strong(seen, State::kPosted)) throw Aborted();
  {
    const std::lock_guard lock(slot.lane->mutex);
    slot.lane->queue.push_back(message);
  }
  slot.lane->posted.notify_one();
}

void TcpTransport::wait_send(std::int32_t message) {
  Slot& slot = slots_[static_cast<std::size_t>(message)];
  for (State seen = slot.state; seen != State::kSent; seen = slot.state) {
    if (seen == State::kAborted) throw Aborted();
    slot.state.wait(seen);
  }
  State seen = State::kSent;
  if (!slot.state.compare_exchange_strong(seen, State::kIdle)) throw Aborted();
}

void TcpTransport::receive(std::int32_t message, void* data) {
  const Slot& slot = slots_[static_cast<std::size_t>(message)];
  Lane& lane = *slot.lane;
  if (aborted_) throw Aborted();
  std::int32_t arrived = -1;
  const std::span values(static_cast<std::byte*>(data), static_cast<std::size_t>(slot.size_bytes));
  if (!lane.socket.read(bytes_of(arrived)) || (arrived == message && !lane.socket.read(values))) {
    fail(lane, errno == 0 ? "it was closed" : std::strerror(errno));
  }
  MP_CHECK(arrived == message);  // as check_program() proves
}

void TcpTransport::write_all(Lane& lane) {
  std::vector<std::int32_t> batch;
  batch.reserve(lane.messages);
  while (true) {
    {
      std::unique_lock lock(lane.mutex);
      lane.posted.wait(lock, [&] { return lane.quit || !lane.queue.empty(); });
      if (lane.queue.empty()) return;
      batch.swap(lane.queue);
    }
    for (const std::int32_t message : batch) {
      if (!write(lane, message)) return;
    }
    batch.clear();
  }
}

bool TcpTransport::write(Lane& lane, std::int32_t message) {
  Slot& slot = slots_[static_cast<std::size_t>(message)];
  std::int32_t number = message;
  const std::span values(static_cast<const std::byte*>(slot.data), static_cast<std::size_t>(slot.size_bytes));
  if (!lane.socket.write(bytes_of(number)) || !lane.socket.write(values)) {
    try {
      fail(lane, std::strerror(errno));
    } catch (const Aborted&) {
      return false;  // the failure has ended all waits
    }
  }
  State seen = State::kPosted;
  if (!slot.state.compare_exchange_strong(seen, State::kSent)) return false;
  slot.state.notify_all();
  return true;
}

void TcpTransport::abort() noexcept {
  aborted_ = true;
  for (Slot& slot : slots_) {
    slot.state = State::kAborted;
    slot.state.notify_all();
  }
  for (const std::unique_ptr<Lane>& lane : lanes_) lane->socket.shut_down();
}

}  // namespace mp::runtime
