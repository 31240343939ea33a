#include "runtime/ranks/socket.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/core.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <utility>

#include "lib/base/error.hpp"

namespace mp::runtime {
namespace {

std::string text_of(const sockaddr* address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  const void* bytes = nullptr;
  if (address->sa_family == AF_INET) {
    bytes = &reinterpret_cast<const sockaddr_in*>(address)->sin_addr;
  } else if (address->sa_family == AF_INET6) {
    bytes = &reinterpret_cast<const sockaddr_in6*>(address)->sin6_addr;
  }
  if (bytes == nullptr || inet_ntop(address->sa_family, bytes, text.data(), text.size()) == nullptr) return "";
  std::string result(text.data());
  constexpr std::string_view kMapped = "::ffff:";  // IPv4 seen through an IPv6 socket
  return result.starts_with(kMapped) ? result.substr(kMapped.size()) : result;
}

void set_option(int descriptor, int level, int name, int value) {
  static_cast<void>(setsockopt(descriptor, level, name, &value, sizeof value));  // an optimisation: may fail
}

int milliseconds_until(SocketClock::time_point deadline) {
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - SocketClock::now()).count();
  return static_cast<int>(std::clamp<std::int64_t>(left, 0, 1'000'000'000));
}

bool wait_for(int descriptor, short events, SocketClock::time_point deadline) {
  pollfd poller{.fd = descriptor, .events = events, .revents = 0};
  while (true) {
    const int ready = poll(&poller, 1, milliseconds_until(deadline));
    if (ready > 0) return true;
    if (ready == 0 && SocketClock::now() >= deadline) return false;
    if (ready < 0 && errno != EINTR) return false;
  }
}

// Both families where the system has IPv6.
Socket try_listen(int family, std::uint16_t port) {
  Socket socket(::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket.is_open()) return {};
  set_option(socket.descriptor(), SOL_SOCKET, SO_REUSEADDR, 1);
  sockaddr_storage storage{};
  socklen_t size = sizeof(sockaddr_in);
  if (family == AF_INET6) {
    set_option(socket.descriptor(), IPPROTO_IPV6, IPV6_V6ONLY, 0);
    auto* address = reinterpret_cast<sockaddr_in6*>(&storage);
    address->sin6_family = AF_INET6;
    address->sin6_port = htons(port);
    address->sin6_addr = in6addr_any;
    size = sizeof(sockaddr_in6);
  } else {
    auto* address = reinterpret_cast<sockaddr_in*>(&storage);
    address->sin_family = AF_INET;
    address->sin_port = htons(port);
  }
  if (bind(socket.descriptor(), reinterpret_cast<const sockaddr*>(&storage), size) != 0 ||
      listen(socket.descriptor(), SOMAXCONN) != 0) {
    return {};
  }
  return socket;
}

std::optional<Socket> connect_one(const addrinfo& address, SocketClock::time_point deadline, std::string& why) {
  Socket socket(::socket(address.ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  int error = 0;
  if (!socket.is_open()) {
    error = errno;
  } else if (connect(socket.descriptor(), address.ai_addr, address.ai_addrlen) != 0) {
    error = errno;
    if (error == EINPROGRESS) {
      error = ETIMEDOUT;
      socklen_t size = sizeof error;
      if (wait_for(socket.descriptor(), POLLOUT, deadline)) {
        static_cast<void>(getsockopt(socket.descriptor(), SOL_SOCKET, SO_ERROR, &error, &size));
      }
    }
  }
  if (error != 0) {
    why = fmt::format("{}: {}", text_of(address.ai_addr), std::strerror(error));
    return std::nullopt;
  }
  const int flags = fcntl(socket.descriptor(), F_GETFL);
  static_cast<void>(fcntl(socket.descriptor(), F_SETFL, flags & ~O_NONBLOCK));
  set_option(socket.descriptor(), IPPROTO_TCP, TCP_NODELAY, 1);
  return socket;
}

}  // namespace

Socket::Socket(Socket&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}

Socket& Socket::operator=(Socket&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  return *this;
}

Socket::~Socket() {
  if (descriptor_ >= 0) close(descriptor_);
}

bool Socket::read(std::span<std::byte> data) noexcept {
  while (!data.empty()) {
    const ssize_t count = recv(descriptor_, data.data(), data.size(), 0);
    if (count < 0 && errno == EINTR) continue;
    if (count == 0) errno = 0;
    if (count <= 0) return false;
    data = data.subspan(static_cast<std::size_t>(count));
  }
  return true;
}

bool Socket::write(std::span<const std::byte> data) noexcept {
  while (!data.empty()) {
    const ssize_t count = send(descriptor_, data.data(), data.size(), MSG_NOSIGNAL);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return false;
    data = data.subspan(static_cast<std::size_t>(count));
  }
  return true;
}

void Socket::set_timeout(std::chrono::milliseconds timeout) noexcept {
  const timeval value{.tv_sec = timeout.count() / 1000, .tv_usec = timeout.count() % 1000 * 1000};
  static_cast<void>(setsockopt(descriptor_, SOL_SOCKET, SO_RCVTIMEO, &value, sizeof value));
  static_cast<void>(setsockopt(descriptor_, SOL_SOCKET, SO_SNDTIMEO, &value, sizeof value));
}

void Socket::shut_down() noexcept {
  if (is_open()) ::shutdown(descriptor_, SHUT_RDWR);
}

void Socket::end_writing() noexcept {
  if (is_open()) ::shutdown(descriptor_, SHUT_WR);
}

std::string Socket::peer_address() const {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  if (getpeername(descriptor_, reinterpret_cast<sockaddr*>(&address), &size) != 0) return "";
  return text_of(reinterpret_cast<const sockaddr*>(&address));
}

Socket listen_on(std::uint16_t port) {
  Socket socket = try_listen(AF_INET6, port);
  if (!socket.is_open()) socket = try_listen(AF_INET, port);
  if (!socket.is_open()) {
    throw RunError(fmt::format("cannot listen on port {} for the other ranks: {}{}", port, std::strerror(errno),
                               port == 0 ? "" : "; another MASTER_PORT may be free"));
  }
  return socket;
}

std::uint16_t port_of(const Socket& listener) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  if (getsockname(listener.descriptor(), reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    throw RunError(fmt::format("cannot tell the port of a socket: {}", std::strerror(errno)));
  }
  return ntohs(address.ss_family == AF_INET6 ? reinterpret_cast<sockaddr_in6*>(&address)->sin6_port
                                             : reinterpret_cast<sockaddr_in*>(&address)->sin_port);
}

std::optional<Socket> accept_from(const Socket& listener, SocketClock::time_point deadline) {
  while (wait_for(listener.descriptor(), POLLIN, deadline)) {
    Socket socket(accept4(listener.descriptor(), nullptr, nullptr, SOCK_CLOEXEC));
    if (socket.is_open()) {
      set_option(socket.descriptor(), IPPROTO_TCP, TCP_NODELAY, 1);
      return socket;
    }
    if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) {
      throw RunError(fmt::format("cannot accept the connection of another rank: {}", std::strerror(errno)));
    }
  }
  return std::nullopt;
}

std::optional<Socket> connect_to(const std::string& host, std::uint16_t port, SocketClock::time_point deadline,
                                 std::string& why) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const int error = getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found);
  if (error != 0) {
    why = fmt::format("{}: {}", host, gai_strerror(error));
    return std::nullopt;
  }
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> owner(found, freeaddrinfo);
  for (const addrinfo* address = found; address != nullptr; address = address->ai_next) {
    if (std::optional<Socket> socket = connect_one(*address, deadline, why)) return socket;
  }
  return std::nullopt;
}

std::vector<std::string> own_addresses() {
  ifaddrs* found = nullptr;
  if (getifaddrs(&found) != 0) return {"127.0.0.1"};
  const std::unique_ptr<ifaddrs, decltype(&freeifaddrs)> owner(found, freeifaddrs);
  std::vector<std::string> addresses;
  for (const ifaddrs* interface = found; interface != nullptr; interface = interface->ifa_next) {
    const bool usable = interface->ifa_addr != nullptr && (interface->ifa_flags & IFF_UP) != 0U &&
                        (interface->ifa_flags & IFF_LOOPBACK) == 0U;
    if (!usable) continue;
    const std::string text = text_of(interface->ifa_addr);
    if (!text.empty() && !text.starts_with("fe80")) addresses.push_back(text);  // link-local ones need a scope
  }
  addresses.emplace_back("127.0.0.1");
  return addresses;
}

std::string host_name() {
  std::array<char, 256> name{};
  if (gethostname(name.data(), name.size() - 1) != 0) return "?";
  return name.data();
}

}  // namespace mp::runtime
