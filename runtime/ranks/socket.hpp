// TCP connections between ranks: owned descriptors, whole reads and writes, deadlines.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace mp::runtime {

// An open descriptor, closed with the object. Reads and writes may be ended from another thread by shut_down().
class Socket {
 public:
  Socket() = default;
  explicit Socket(int descriptor) : descriptor_(descriptor) {}
  Socket(Socket&& other) noexcept;
  Socket& operator=(Socket&& other) noexcept;
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  ~Socket();

  [[nodiscard]] int descriptor() const { return descriptor_; }
  [[nodiscard]] bool is_open() const { return descriptor_ >= 0; }
  // All of the bytes; false where the connection has ended before (errno: why, 0 where the other side closed it).
  [[nodiscard]] bool read(std::span<std::byte> data) noexcept;
  [[nodiscard]] bool write(std::span<const std::byte> data) noexcept;
  // Limits how long one read or write may wait from now on; zero: for ever.
  void set_timeout(std::chrono::milliseconds timeout) noexcept;
  void shut_down() noexcept;  // both directions
  void end_writing() noexcept;
  [[nodiscard]] std::string peer_address() const;  // "10.0.0.2"; "" where there is none

 private:
  int descriptor_ = -1;
};

using SocketClock = std::chrono::steady_clock;

// Listens on all interfaces; port 0: any free one. Throws RunError naming the port.
[[nodiscard]] Socket listen_on(std::uint16_t port);
[[nodiscard]] std::uint16_t port_of(const Socket& listener);
// Nothing after the deadline. Throws RunError.
[[nodiscard]] std::optional<Socket> accept_from(const Socket& listener, SocketClock::time_point deadline);
// One try on each of the host's addresses; nothing where none answers before the deadline (`why`: the last reason).
[[nodiscard]] std::optional<Socket> connect_to(const std::string& host, std::uint16_t port,
                                               SocketClock::time_point deadline, std::string& why);
// The addresses of this host's interfaces that are up, loopback last.
[[nodiscard]] std::vector<std::string> own_addresses();
[[nodiscard]] std::string host_name();

}  // namespace mp::runtime
