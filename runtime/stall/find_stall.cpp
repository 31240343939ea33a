#include "runtime/stall/find_stall.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace mp::runtime {
namespace {

using Places = IdVector<DeviceId, DevicePlace>;

// The instruction that a device is in; null between steps and while the device finishes what was put in.
const Instruction* current(const Program& program, DeviceId device, const DevicePlace& place) {
  const std::vector<Instruction>& instructions = program.devices[device].instructions;
  const auto at = static_cast<std::size_t>(place.instruction);
  return place.instruction < 0 || at >= instructions.size() ? nullptr : &instructions[at];
}

std::string where(const DevicePlace& place, const Instruction& instruction) {
  std::string text = fmt::format("step {}", place.step + 1);
  if (instruction.microbatch >= 0) text += fmt::format(", microbatch {}", instruction.microbatch + 1);
  return text + ": ";
}

std::string text_of(const Program& program, DeviceId device, const DevicePlace& place) {
  const Graph& graph = program.training.graph;
  const Instruction* instruction = current(program, device, place);
  if (instruction == nullptr) return fmt::format("step {}: finishing the work of the step", place.step + 1);
  const std::string start = where(place, *instruction);
  if (instruction->opcode == Opcode::kCompute) {
    return start + fmt::format("node '{}'", graph.node(instruction->node).name);
  }
  const std::string& tensor = graph.tensor(instruction->tensor).name;
  if (instruction->opcode == Opcode::kFeed) return start + fmt::format("reading data for input '{}'", tensor);
  return start + fmt::format("moving tensor '{}'", tensor);
}

enum class Reached : std::uint8_t { kBefore, kIn, kPast };

// Where a device is in step `step`, seen from its instruction of that kind, message and collective.
Reached reached(const Program& program, DeviceId device, const DevicePlace& place, std::int64_t step,
                const Instruction& wanted) {
  if (place.step != step) return place.step > step ? Reached::kPast : Reached::kBefore;
  if (place.instruction < 0) return Reached::kPast;
  const std::vector<Instruction>& instructions = program.devices[device].instructions;
  const auto found = std::find_if(instructions.begin(), instructions.end(), [&](const Instruction& i) {
    return i.opcode == wanted.opcode && i.message == wanted.message && i.collective == wanted.collective;
  });
  const std::ptrdiff_t at = found - instructions.begin();
  if (place.instruction == at) return Reached::kIn;
  return place.instruction > at ? Reached::kPast : Reached::kBefore;
}

// The other end of a message that a device sends or receives, and how far that device has come to it.
std::pair<DeviceId, Reached> other_end(const Program& program, const Places& places, const Instruction& waiting,
                                       std::int64_t step) {
  const Message& message = program.messages[static_cast<std::size_t>(waiting.message)];
  const bool receives = waiting.opcode == Opcode::kReceive;
  const DeviceId peer = receives ? message.from : message.to;
  return {peer, reached(program, peer, places[peer], step,
                        {.opcode = receives ? Opcode::kSend : Opcode::kReceive, .message = waiting.message})};
}

Stall in_transit(const Program& program, const Places& places, DeviceId device, const Instruction& waiting) {
  const DevicePlace& place = places[device];
  if (waiting.collective >= 0) {
    return {.device = device,
            .kind = Stall::Kind::kInTransit,
            .text = where(place, waiting) + fmt::format("the collective of tensor '{}', begun by all, does not end",
                                                        program.training.graph.tensor(waiting.tensor).name)};
  }
  const Message& message = program.messages[static_cast<std::size_t>(waiting.message)];
  if (waiting.opcode == Opcode::kWaitSend && other_end(program, places, waiting, place.step).second == Reached::kPast) {
    return {.device = device,
            .kind = Stall::Kind::kInTransit,
            .text = where(place, waiting) +
                    fmt::format("tensor '{}' has got to device {}, and its sending does not end",
                                program.training.graph.tensor(message.tensor).name, index(message.to))};
  }
  return {.device = message.to,
          .kind = Stall::Kind::kInTransit,
          .text = where(place, waiting) + fmt::format("tensor '{}', sent by device {}, does not get to device {}",
                                                      program.training.graph.tensor(message.tensor).name,
                                                      index(message.from), index(message.to))};
}

// Whom a device waits for; kNone: nobody, or one that is waiting for the same.
DeviceId awaited(const Program& program, const Places& places, const Instruction& waiting, std::int64_t step) {
  if (waiting.opcode == Opcode::kStartCollective || waiting.opcode == Opcode::kFinishCollective) {
    const std::vector<DeviceId>& members = program.collectives[static_cast<std::size_t>(waiting.collective)].members;
    const auto late = std::find_if(members.begin(), members.end(), [&](DeviceId member) {
      return reached(program, member, places[member], step,
                     {.opcode = Opcode::kStartCollective, .collective = waiting.collective}) == Reached::kBefore;
    });
    return late == members.end() ? kNone<DeviceId> : *late;
  }
  const auto [peer, how_far] = other_end(program, places, waiting, step);
  return how_far == Reached::kBefore ? peer : kNone<DeviceId>;
}

bool waits_for_others(Opcode opcode) {
  return opcode == Opcode::kReceive || opcode == Opcode::kWaitSend || opcode == Opcode::kStartCollective ||
         opcode == Opcode::kFinishCollective;
}

Stall not_begun(DeviceId device, std::int64_t step) {
  return {device, Stall::Kind::kNotBegun, fmt::format("step {}: not begun", step + 1)};
}

// The end of the way from `device`, which is in a step.
Stall follow(const Program& program, const Places& places, DeviceId device, bool waits_in_calls) {
  for (std::size_t hops = 0; hops <= places.size(); ++hops) {
    const DevicePlace& place = places[device];
    const Instruction* instruction = current(program, device, place);
    if (instruction == nullptr) return {device, Stall::Kind::kFinishing, text_of(program, device, place)};
    if (!waits_in_calls || !waits_for_others(instruction->opcode)) {
      return {device, Stall::Kind::kAtWork, text_of(program, device, place)};
    }
    const DeviceId peer = awaited(program, places, *instruction, place.step);
    if (peer == kNone<DeviceId>) return in_transit(program, places, device, *instruction);
    if (places[peer].instruction < 0) return not_begun(peer, place.step);
    device = peer;
  }
  return {device, Stall::Kind::kAtWork, text_of(program, device, places[device])};
}

// Whom work that is put in waits for, only GPUs know: where devices have not begun the step, the first of these.
Stall held_up(const Places& places, const Stall& finishing) {
  const std::int64_t step = places[finishing.device].step;
  for (const DeviceId device : ids<DeviceId>(places.size())) {
    const DevicePlace& place = places[device];
    if (place.instruction < 0 && place.step < step) return not_begun(device, step);
  }
  return finishing;
}

}  // namespace

Stall find_stall(const Program& program, const Places& places, bool waits_in_calls) {
  std::vector<Stall> ends;
  for (const DeviceId device : ids<DeviceId>(places.size())) {
    if (places[device].instruction >= 0) ends.push_back(follow(program, places, device, waits_in_calls));
  }
  const auto first = std::min_element(ends.begin(), ends.end(), [&](const Stall& a, const Stall& b) {
    if (a.kind != b.kind) return a.kind < b.kind;
    if (a.kind == Stall::Kind::kFinishing && places[a.device].step != places[b.device].step) {
      return places[a.device].step < places[b.device].step;
    }
    return index(a.device) < index(b.device);
  });
  if (first == ends.end()) return {};
  return first->kind == Stall::Kind::kFinishing ? held_up(places, *first) : *first;
}

}  // namespace mp::runtime
