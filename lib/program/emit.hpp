// From an order of tasks to instructions: feeds, computes, sends, receives, sums, updates. Buffers have no place yet.
#pragma once

#include <cstdint>
#include <vector>

#include "lib/base/ids.hpp"
#include "lib/program/program.hpp"
#include "lib/program/segments.hpp"
#include "lib/program/tasks.hpp"

namespace mp {

// Positions in a device's list between which a buffer is needed: [begin, end).
struct Lifetime {
  std::int32_t begin = 0;
  std::int32_t end = 0;
  friend bool operator==(const Lifetime&, const Lifetime&) = default;
};

// Where a message's send buffer is, and from which position of the sender's list on a kWaitSend may stand: the receiver
// has come to its kReceive by then.
struct SentFrom {
  BufferId buffer = kNone<BufferId>;
  std::int32_t wait_from = 0;
};

struct Emission {
  IdVector<DeviceId, DeviceProgram> devices;                   // no kWaitSend, no offsets
  IdVector<DeviceId, IdVector<BufferId, Lifetime>> lifetimes;  // parameters: the whole list
  std::vector<Message> messages;
  std::vector<SentFrom> sent_from;  // beside messages
  std::vector<Program::Step> order;
};

// Emits `tasks` one after another, then the updates. A send stands right behind what makes its tensor; the matching
// receive as late as possible: right before its first reader, together with the receives of all earlier messages on
// the same link, so that each link delivers in the order of its sends. Both stand in one global order, in which
// everything an instruction waits for comes before it.
[[nodiscard]] Emission emit(const TrainingGraph& training, const Placement& placement,
                            const std::vector<Segment>& segments, const std::vector<Task>& tasks, std::int32_t devices);

}  // namespace mp
