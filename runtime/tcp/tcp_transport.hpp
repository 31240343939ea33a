// Messages between devices of different ranks over TCP: one connection for each pair of devices and direction.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "lib/program/program.hpp"
#include "runtime/ranks/rank_group.hpp"
#include "runtime/ranks/socket.hpp"
#include "runtime/transport.hpp"

namespace mp::runtime {

// The messages from one device to another are received in the order they are sent (Program), so each such pair has a
// connection of its own and nothing else can stand in its way. A thread per outgoing connection writes; the receiving
// device reads straight into its buffer.
class TcpTransport final : public Transport {
 public:
  // Connects to the other ranks; to be made on all ranks alike. Throws RunError naming the rank not reached.
  TcpTransport(RankGroup& ranks, std::span<const Message> messages);
  ~TcpTransport() override;

  void send(std::int32_t message, const void* data) override;
  void wait_send(std::int32_t message) override;
  void receive(std::int32_t message, void* data) override;
  void abort() noexcept override;

 private:
  // kAborted is never left again.
  enum class State : int { kIdle, kPosted, kSent, kAborted };
  struct Lane {
    DeviceId from = kNone<DeviceId>;
    DeviceId to = kNone<DeviceId>;
    int peer = 0;  // the rank at the other end
    bool is_outgoing = false;
    std::size_t messages = 0;  // of a step
    Socket socket;
    std::vector<std::int32_t> queue;  // posted and not yet taken by the thread, in order
    std::mutex mutex;
    std::condition_variable posted;
    bool quit = false;
    std::thread writer;
  };
  struct Slot {
    std::atomic<State> state{State::kIdle};
    const void* data = nullptr;
    std::int64_t size_bytes = 0;
    Lane* lane = nullptr;
  };

  struct Doors;

  void make_lanes(std::span<const Message> messages);
  [[nodiscard]] Doors exchange_doors(std::uint16_t own_port);
  void open_lanes();
  void connect_outgoing(const Doors& doors);
  void accept_incoming(const Socket& listener, const Doors& doors);
  void write_all(Lane& lane);
  [[nodiscard]] bool write(Lane& lane, std::int32_t message);
  [[noreturn]] void fail(const Lane& lane, const std::string& what);

  RankGroup& ranks_;
  std::vector<std::unique_ptr<Lane>> lanes_;
  std::vector<Slot> slots_;
  std::atomic<bool> aborted_{false};
};

}  // namespace mp::runtime
