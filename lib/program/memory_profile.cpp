#include "lib/program/memory_profile.hpp"

#include <algorithm>
#include <cstddef>

namespace mp {
namespace {

struct Span {
  std::size_t first = 0;  // positions in the device's list
  std::size_t last = 0;
  bool used = false;
};

void extend(Span& span, std::size_t position) {
  if (!span.used) span.first = position;
  span.used = true;
  span.last = std::max(span.last, position);
}

// The buffer; of a whole, those of its shares.
std::vector<BufferId> memory_of(const Program& program, const DeviceProgram& device, BufferId b) {
  const Buffer& buffer = device.buffers[b];
  if (buffer.role != BufferRole::kWhole) return {b};
  std::vector<BufferId> shares;
  for (std::size_t i = 0; i < program.training.shares.at(buffer.tensor).size(); ++i) {
    shares.push_back(make_id<BufferId>(index(buffer.first_share) + i));
  }
  return shares;
}

IdVector<BufferId, Span> spans_of(const Program& program, const DeviceProgram& device) {
  IdVector<BufferId, Span> spans(device.buffers.size());
  std::vector<std::size_t> sent_at(program.messages.size(), 0);
  for (std::size_t i = 0; i < device.instructions.size(); ++i) {
    const Instruction& instruction = device.instructions[i];
    for (const std::vector<BufferId>* operands : {&instruction.inputs, &instruction.outputs}) {
      for (const BufferId b : *operands) {
        if (b == kNone<BufferId>) continue;
        for (const BufferId used : memory_of(program, device, b)) extend(spans[used], i);
      }
    }
    if (instruction.message < 0) continue;
    std::size_t& sent = sent_at[static_cast<std::size_t>(instruction.message)];
    if (instruction.opcode == Opcode::kSend) sent = i;
    if (instruction.opcode != Opcode::kWaitSend) continue;
    for (const BufferId b : device.instructions[sent].inputs) extend(spans[b], i);
  }
  return spans;
}

// Bytes live while each instruction runs, and, last, after the list.
std::vector<std::int64_t> live_bytes(const Program& program, const DeviceProgram& device) {
  std::vector<std::int64_t> change(device.instructions.size() + 1, 0);
  std::int64_t always = 0;
  const IdVector<BufferId, Span> spans = spans_of(program, device);
  for (const BufferId b : ids<BufferId>(spans.size())) {
    const Buffer& buffer = device.buffers[b];
    if (buffer.role == BufferRole::kParameter) {
      always += buffer.size_bytes;
    } else if (spans[b].used) {
      change[spans[b].first] += buffer.size_bytes;
      change[spans[b].last + 1] -= buffer.size_bytes;
    }
  }
  std::vector<std::int64_t> live;
  for (const std::int64_t c : change) live.push_back((live.empty() ? always : live.back()) + c);
  return live;
}

// An event of the link's time, not of the device's.
bool is_transfer(Opcode opcode) { return opcode == Opcode::kSend || opcode == Opcode::kStartCollective; }

// When each instruction starts; those that take no time start where the one before them ends.
std::vector<double> start_times(const Program& program, const Simulation& simulation, DeviceId device) {
  const std::vector<Instruction>& instructions = program.devices[device].instructions;
  constexpr double kUnknown = -1.0;
  std::vector<double> start(instructions.size(), kUnknown);
  std::vector<double> end(instructions.size(), 0.0);
  for (const TimelineEvent& event : simulation.events) {
    const auto i = static_cast<std::size_t>(event.instruction);
    if (event.device != device || is_transfer(instructions[i].opcode)) continue;
    start[i] = event.start_s;
    end[i] = event.end_s;
  }
  double now = 0.0;
  for (std::size_t i = 0; i < start.size(); ++i) {
    if (start[i] == kUnknown) start[i] = now;
    now = std::max(now, std::max(start[i], end[i]));
  }
  return start;
}

}  // namespace

std::vector<MemoryPoint> memory_over_time(const Program& program, const Simulation& simulation, DeviceId device) {
  const std::vector<std::int64_t> live = live_bytes(program, program.devices[device]);
  const std::vector<double> start = start_times(program, simulation, device);
  std::vector<MemoryPoint> points;
  for (std::size_t i = 0; i < start.size(); ++i) {
    if (!points.empty() && points.back().time_s == start[i]) {
      points.back().bytes = std::max(points.back().bytes, live[i]);
    } else if (points.empty() || points.back().bytes != live[i]) {
      points.push_back({start[i], live[i]});
    }
  }
  return points;
}

}  // namespace mp
