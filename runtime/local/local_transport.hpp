// Transport between the device threads of one process: the receiver copies straight out of the sender's arena.
#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <span>
#include <vector>

#include "lib/program/program.hpp"
#include "runtime/backend.hpp"
#include "runtime/transport.hpp"

namespace mp::runtime {

// One slot per message, reused every step: empty → posted (by the sender) → taken (by the receiver) → empty (by the
// sender's wait). The pointer is published by the first change and done with after the second, so neither buffering
// nor a lock is needed. The receiver's backend must be able to copy from the sender's memory. Devices that run behind
// their threads are ordered by marks: the receiver's copy waits for what made the data, the sender's later work for the
// copy; the threads wait for each other's word alone.
class LocalTransport final : public Transport {
 public:
  // `backends` stand in the order of the devices and must outlive the transport. A thread in wait for another's word
  // watches for it as long as `patience` says, then it sleeps: none where threads share cores.
  LocalTransport(std::span<const Message> messages, std::span<Backend* const> backends,
                 std::chrono::microseconds patience = {});

  void send(std::int32_t message, const void* data) override;
  void wait_send(std::int32_t message) override;
  void receive(std::int32_t message, void* data) override;
  void abort() noexcept override;

 private:
  enum class State : int { kEmpty, kPosted, kTaken, kAborted };
  struct Slot {
    std::atomic<State> state{State::kEmpty};
    const void* data = nullptr;
    std::int64_t size_bytes = 0;
    Backend* sender = nullptr;
    Backend* receiver = nullptr;
    std::unique_ptr<Mark> made;    // of the sender: the data is there
    std::unique_ptr<Mark> copied;  // of the receiver
  };

  static void change(Slot& slot, State from, State to);
  void wait_for(Slot& slot, State wanted) const;
  [[nodiscard]] bool watch_for(const Slot& slot, State wanted) const;

  std::vector<Slot> slots_;
  std::chrono::microseconds patience_;
};

}  // namespace mp::runtime
