// Who keeps a program from going on, where no device does.
#pragma once

#include <string>

#include "lib/base/ids.hpp"
#include "lib/program/program.hpp"
#include "runtime/stall/device_progress.hpp"

namespace mp::runtime {

struct Stall {
  // In the order in which they explain a standstill.
  enum class Kind : std::uint8_t {
    kAtWork,     // in an instruction that waits for no other device
    kNotBegun,   // others wait for a step that it has not begun: what holds it up is outside of the program
    kFinishing,  // all is put in, and the device does not get done with it: a GPU, maybe one that waits for another
    kInTransit   // a message was sent, or a collective begun by all, but does not arrive, or arrived, but the sender
                 // does not get to know
  };
  DeviceId device = kNone<DeviceId>;
  Kind kind = Kind::kAtWork;
  std::string text;  // "step 3, microbatch 1: node 'fc1'"
};

// From a device that waits for a message (a collective) the way leads to the device that should send or take it (to one
// that has not begun its part), and on from there;
// check_program() proves that no circle can come of it. Of several ends the first by kind, then by device; of devices
// that finish, the one of the earliest step, unless others have not begun it. No device (kNone) where all are between
// steps.
// `waits_in_calls`: see Transport.
[[nodiscard]] Stall find_stall(const Program& program, const IdVector<DeviceId, DevicePlace>& places,
                               bool waits_in_calls = true);

}  // namespace mp::runtime
