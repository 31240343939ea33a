// Moves messages between the devices of a Program. Implementations: threads of one process (runtime/local), …
#pragma once

#include <cstdint>
#include <span>
#include <stdexcept>

#include "lib/base/ids.hpp"

namespace mp::runtime {

// Thrown out of a wait when another device has failed: never the cause, which that device reports.
class Aborted final : public std::runtime_error {
 public:
  Aborted() : std::runtime_error("stopped because another device failed") {}
};

// `message` is a position in Program::messages. Each call is made from the thread of the device concerned, and in the
// order of its instruction list. Nothing is allocated after construction.
class Transport {
 public:
  virtual ~Transport() = default;
  // Starts the message from `data`, which must stay untouched until wait_send has returned. Does not wait.
  virtual void send(std::int32_t message, const void* data) = 0;
  virtual void wait_send(std::int32_t message) = 0;
  // Waits for the message and puts it into `data`.
  virtual void receive(std::int32_t message, void* data) = 0;
  // Starts the device's part of a collective (a position in Program::collectives): each tensor that it gives lies at
  // one of `from`, each that it gets goes to one of `to`, beside the operands of the instruction; they stay untouched
  // until finish_collective() has returned. Does not wait for the others. Not every transport can: programs have
  // collectives only where they are compiled with them, or with_collectives() has put them in.
  virtual void start_collective(std::int32_t collective, DeviceId device, std::span<const void* const> from,
                                std::span<void* const> to);
  virtual void finish_collective(std::int32_t collective, DeviceId device);
  // Do receive, wait_send and finish_collective keep the thread until the transfer is there? Where they do not, the
  // device's own queue waits for it, and a thread that is in any call is at work.
  [[nodiscard]] virtual bool waits_in_calls() const { return true; }
  // Throws where a transfer has failed behind the calls: what a device has computed since is worth nothing. Asked when
  // the work of a step is done, or has failed.
  virtual void check() {}
  // Ends every wait, present and future, with Aborted. From any thread.
  virtual void abort() noexcept = 0;
};

}  // namespace mp::runtime
