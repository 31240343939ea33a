// Messages by NCCL's send and receive. Answered by runtime/nccl/ where NCCL was found when building, and by
// runtime/no_nccl.cpp elsewhere.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "lib/program/program.hpp"
#include "runtime/backend.hpp"
#include "runtime/transport.hpp"

namespace mp::runtime {

struct NcclOptions {
  std::vector<int> gpus = {};  // of each device of the plan; −1: a device of another process
  // Brings the id of the communicator from one device to another from the sender's process to the receiver's, when one
  // of the two devices is another process's: fills `id` in the receiver's, reads it in the sender's. Called in the same
  // order everywhere. Empty: one process has all devices.
  std::function<void(DeviceId from, DeviceId to, std::span<std::byte> id)> exchange_id = {};
};

// A communicator of two ranks for each direction between two devices, with a stream at each end, so that no message
// waits for one of another edge. The devices' own streams are ordered with these by marks; threads wait for nothing but
// the setting up of a connection. A failure of NCCL (asynchronous ones are looked for ten times a second) aborts all
// communicators: every call, present and future, throws, and nothing hangs. Throws RunError where this build has no
// NCCL, or NCCL cannot connect the devices.
[[nodiscard]] std::unique_ptr<Transport> make_nccl_transport(std::span<const Message> messages,
                                                             std::span<Backend* const> backends,
                                                             const NcclOptions& options);

}  // namespace mp::runtime
