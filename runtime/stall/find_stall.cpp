#include "runtime/stall/find_stall.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cstddef>
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

// Whether a device is past (or in) its instruction `opcode` of `message` in step `step`.
bool has_come_to(const Program& program, DeviceId device, const DevicePlace& place, std::int64_t step, Opcode opcode,
                 std::int32_t message) {
  if (place.step != step) return place.step > step;
  if (place.instruction < 0) return true;
  const std::vector<Instruction>& instructions = program.devices[device].instructions;
  const std::size_t end = std::min(instructions.size(), static_cast<std::size_t>(place.instruction) + 1);
  return std::any_of(instructions.begin(), instructions.begin() + static_cast<std::ptrdiff_t>(end),
                     [&](const Instruction& i) { return i.opcode == opcode && i.message == message; });
}

Stall in_transit(const Program& program, DeviceId device, const DevicePlace& place, const Instruction& waiting) {
  const Message& message = program.messages[static_cast<std::size_t>(waiting.message)];
  return {.device = device,
          .kind = Stall::Kind::kInTransit,
          .text = where(place, waiting) + fmt::format("tensor '{}', sent by device {}, does not get to device {}",
                                                      program.training.graph.tensor(message.tensor).name,
                                                      index(message.from), index(message.to))};
}

// The end of the way from `device`, which is in a step.
Stall follow(const Program& program, const Places& places, DeviceId device) {
  for (std::size_t hops = 0; hops <= places.size(); ++hops) {
    const DevicePlace& place = places[device];
    const Instruction* instruction = current(program, device, place);
    const bool receives = instruction != nullptr && instruction->opcode == Opcode::kReceive;
    const bool is_wait = receives || (instruction != nullptr && instruction->opcode == Opcode::kWaitSend);
    if (!is_wait) return {device, Stall::Kind::kAtWork, text_of(program, device, place)};
    const Message& message = program.messages[static_cast<std::size_t>(instruction->message)];
    const DeviceId peer = receives ? message.from : message.to;
    const Opcode awaited = receives ? Opcode::kSend : Opcode::kReceive;
    if (has_come_to(program, peer, places[peer], place.step, awaited, instruction->message)) {
      return in_transit(program, message.to, place, *instruction);
    }
    if (places[peer].instruction < 0) {
      return {peer, Stall::Kind::kNotBegun, fmt::format("step {}: not begun", place.step + 1)};
    }
    device = peer;
  }
  return {device, Stall::Kind::kAtWork, text_of(program, device, places[device])};
}

}  // namespace

Stall find_stall(const Program& program, const Places& places) {
  std::vector<Stall> ends;
  for (const DeviceId device : ids<DeviceId>(places.size())) {
    if (places[device].instruction >= 0) ends.push_back(follow(program, places, device));
  }
  const auto first = std::min_element(ends.begin(), ends.end(), [](const Stall& a, const Stall& b) {
    return a.kind != b.kind ? a.kind < b.kind : index(a.device) < index(b.device);
  });
  return first == ends.end() ? Stall{} : *first;
}

}  // namespace mp::runtime
