#include "runtime/ranks/meeting.hpp"

#include <fmt/core.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <thread>
#include <utility>

#include "lib/base/check.hpp"
#include "lib/base/error.hpp"

namespace mp::runtime {
namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t kMagic = 0x316b6e61722d706dU;  // "mp-rank1"
constexpr std::chrono::milliseconds kGreetingPatience = 5s;
constexpr std::chrono::milliseconds kRetryInterval = 100ms;

enum class Channel : std::int32_t { kControl, kData };

struct Hello {
  std::uint64_t magic = kMagic;
  std::uint64_t token = 0;
  std::int32_t rank = 0;
  std::int32_t size = 0;
  Channel channel = Channel::kControl;
  std::int32_t padding = 0;
  std::array<char, 256> host{};
};

struct Entry {
  std::array<char, 256> host{};
  std::array<char, 64> address{};
};

template <std::size_t kSize>
void put(std::array<char, kSize>& field, const std::string& text) {
  text.copy(field.data(), kSize - 1);
}

template <class T>
std::span<std::byte> bytes_of(T& value) {
  return std::as_writable_bytes(std::span(&value, 1));
}

std::vector<int> absent(const Meeting& meeting) {
  std::vector<int> ranks;
  for (std::size_t r = 1; r < meeting.control.size(); ++r) {
    if (!meeting.control[r].is_open() || !meeting.data[r].is_open()) ranks.push_back(static_cast<int>(r));
  }
  return ranks;
}

// A later connection of the same rank is the one that counts: the earlier one's process has given up.
void admit(Socket socket, const MeetingPlace& place, Meeting& meeting) {
  Hello hello;
  socket.set_timeout(kGreetingPatience);
  if (!socket.read(bytes_of(hello)) || hello.magic != kMagic || hello.token != place.token) return;  // a stranger
  if (hello.rank < 1 || hello.rank >= place.size || hello.size != place.size) return;
  hello.host.back() = '\0';
  const auto rank = static_cast<std::size_t>(hello.rank);
  meeting.places[rank] = {.host = hello.host.data(), .address = socket.peer_address()};
  (hello.channel == Channel::kControl ? meeting.control : meeting.data)[rank] = std::move(socket);
}

void tell_places(Meeting& meeting) {
  std::vector<Entry> entries(meeting.places.size());
  for (std::size_t r = 0; r < entries.size(); ++r) {
    put(entries[r].host, meeting.places[r].host);
    put(entries[r].address, meeting.places[r].address);
  }
  for (std::size_t r = 1; r < entries.size(); ++r) {
    if (!meeting.data[r].write(std::as_bytes(std::span(entries)))) {
      throw RunError(fmt::format("rank {} (host {}) went away while the ranks met", r, meeting.places[r].host));
    }
  }
}

Meeting receive_all(const MeetingPlace& place, Meeting meeting) {
  MP_CHECK(place.listener != nullptr);
  const SocketClock::time_point deadline = SocketClock::now() + place.patience;
  meeting.places[0].host = host_name();
  while (!absent(meeting).empty()) {
    std::optional<Socket> socket = accept_from(*place.listener, deadline);
    if (!socket) {
      const std::vector<int> ranks = absent(meeting);
      throw RunError(
          fmt::format("rank {} of {} did not come within {:g} s: {} it started, and can it reach port {} of {}?",
                      fmt::join(ranks, ", "), place.size, std::chrono::duration<double>(place.patience).count(),
                      ranks.size() == 1 ? "was" : "were all of them, was", place.port, host_name()));
    }
    admit(*std::move(socket), place, meeting);
  }
  tell_places(meeting);
  return meeting;
}

std::optional<Socket> greet(const std::string& address, const MeetingPlace& place, Channel channel,
                            SocketClock::time_point deadline, std::string& why) {
  std::optional<Socket> socket = connect_to(address, place.port, deadline, why);
  if (!socket) return socket;
  Hello hello{.token = place.token, .rank = place.rank, .size = place.size, .channel = channel};
  put(hello.host, host_name());
  if (socket->write(bytes_of(hello))) return socket;
  why = address + ": " + std::strerror(errno);
  return std::nullopt;
}

// Rank 0 answers once all are there: until then the connection may be to a stranger, or to a process that is about to
// be replaced, and ends.
bool join_at(const std::string& address, const MeetingPlace& place, SocketClock::time_point deadline, Meeting& meeting,
             std::string& why) {
  constexpr std::chrono::milliseconds kConnectPatience = 3s;
  const SocketClock::time_point soon = std::min(deadline, SocketClock::now() + kConnectPatience);
  std::optional<Socket> data = greet(address, place, Channel::kData, soon, why);
  if (!data) return false;
  std::optional<Socket> control = greet(address, place, Channel::kControl, soon, why);
  if (!control) return false;
  std::vector<Entry> entries(meeting.places.size());
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - SocketClock::now());
  data->set_timeout(std::max(left, std::chrono::milliseconds(1)) + kGreetingPatience);
  if (!data->read(std::as_writable_bytes(std::span(entries)))) {
    why = fmt::format("{}: rank 0 ended the connection before all ranks were there", address);
    return false;
  }
  for (std::size_t r = 0; r < entries.size(); ++r) {
    entries[r].host.back() = entries[r].address.back() = '\0';
    meeting.places[r] = {.host = entries[r].host.data(), .address = entries[r].address.data()};
  }
  meeting.places[0].address = data->peer_address();
  meeting.data[0] = *std::move(data);
  meeting.control[0] = *std::move(control);
  return true;
}

Meeting join(const MeetingPlace& place, Meeting meeting) {
  const SocketClock::time_point deadline = SocketClock::now() + place.patience;
  std::string why = "it has no address";
  while (SocketClock::now() < deadline) {
    for (const std::string& address : place.addresses) {
      if (join_at(address, place, deadline, meeting, why)) return meeting;
    }
    std::this_thread::sleep_for(kRetryInterval);
  }
  throw RunError(fmt::format("rank {} (host {}) did not reach rank 0 at {}, port {}, within {:g} s; the last try: {}",
                             place.rank, host_name(), fmt::join(place.addresses, ", "), place.port,
                             std::chrono::duration<double>(place.patience).count(), why));
}

}  // namespace

Meeting meet(const MeetingPlace& place) {
  Meeting meeting;
  const auto size = static_cast<std::size_t>(place.size);
  meeting.places.resize(size);
  meeting.control.resize(size);
  meeting.data.resize(size);
  meeting = place.rank == 0 ? receive_all(place, std::move(meeting)) : join(place, std::move(meeting));
  for (std::vector<Socket>* sockets : {&meeting.control, &meeting.data}) {
    for (Socket& socket : *sockets) {
      if (socket.is_open()) socket.set_timeout(0ms);
    }
  }
  return meeting;
}

}  // namespace mp::runtime
