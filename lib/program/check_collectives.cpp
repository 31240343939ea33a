#include "lib/program/check_collectives.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <optional>

namespace mp {
namespace {

// All buffers of a collective on a device, as one piece.
Buffer as_one(const DeviceProgram& device, const std::vector<BufferId>& buffers) {
  Buffer piece = device.buffers[buffers.front()];
  const Buffer& last = device.buffers[buffers.back()];
  piece.size_bytes = last.offset_bytes + last.size_bytes - piece.offset_bytes;
  return piece;
}

}  // namespace

CheckedCollectives::CheckedCollectives(const Program& program, const ValueNames& names, const Replication& replication,
                                       IdVector<DeviceId, CheckedArena>& arenas)
    : program_(program),
      names_(names),
      replication_(replication),
      arenas_(arenas),
      states_(program.collectives.size()) {}

// Beyond the numbers of messages.
std::int32_t CheckedCollectives::loan(std::int32_t collective, bool is_output) const {
  return static_cast<std::int32_t>(program_.messages.size()) + 2 * collective + (is_output ? 1 : 0);
}

void CheckedCollectives::join_lane(DeviceId device, std::int32_t id, std::vector<std::string>& issues) {
  const Collective& collective = program_.collectives[static_cast<std::size_t>(id)];
  Lane& lane = lanes_[{collective.kind == CollectiveKind::kBroadcast, collective.members}];
  const std::size_t place = lane.next[device]++;
  if (place == lane.order.size()) lane.order.push_back(id);
  if (lane.order[place] != id) {
    issues.push_back(fmt::format("starts collective {} where another member started {}", id, lane.order[place]));
  }
}

// Sums are over the whole group that makes the gradient.
void CheckedCollectives::check_group(const Collective& collective, std::vector<std::string>& issues) const {
  if (collective.kind == CollectiveKind::kBroadcast) return;
  for (const TensorId t : collective.tensors) {
    const NodeId producer = program_.training.graph.tensor(t).producer;
    const DeviceId leader = program_.placement[program_.training.placed_with[producer]];
    if (collective.members != replication_.members(leader)) {
      issues.push_back(
          fmt::format("a collective sums {} over devices that do not make it", program_.training.graph.tensor(t).name));
    }
  }
}

void CheckedCollectives::give(DeviceId device, const Instruction& instruction, std::vector<std::string>& issues) {
  const Collective& collective = program_.collectives[static_cast<std::size_t>(instruction.collective)];
  const DeviceProgram& own = program_.devices[device];
  const bool is_sum = collective.kind != CollectiveKind::kBroadcast;
  for (std::size_t i = 0; i < instruction.inputs.size(); ++i) {
    const TensorId t = collective.tensors[i];
    const std::optional<Value> found = arenas_[device].value_in(own.buffers[instruction.inputs[i]]);
    const Value expected = is_sum ? names_.sum_of_replica(t, replication_.position(device)) : names_.expected(t, -1);
    if (found != expected && (is_sum || !found || !names_.may_be_sent(*found, t, -1))) {
      issues.push_back(fmt::format("gives {}, but finds {}", names_.text(expected),
                                   found ? names_.text(*found) : std::string("bytes that were never written")));
    }
    if (!is_sum) states_[static_cast<std::size_t>(instruction.collective)].values.push_back(found.value_or(expected));
  }
}

std::vector<std::string> CheckedCollectives::start(DeviceId device, const Instruction& instruction) {
  std::vector<std::string> issues;
  const std::int32_t id = instruction.collective;
  const Collective& collective = program_.collectives[static_cast<std::size_t>(id)];
  const DeviceProgram& own = program_.devices[device];
  if (!states_[static_cast<std::size_t>(id)].started.insert(device).second) {
    issues.push_back(fmt::format("collective {} is started twice", id));
  }
  check_group(collective, issues);
  join_lane(device, id, issues);
  give(device, instruction, issues);
  CheckedArena& arena = arenas_[device];
  for (const auto* buffers : {&instruction.inputs, &instruction.outputs}) {
    if (buffers->empty()) continue;
    const bool is_output = buffers == &instruction.outputs;
    const Buffer piece = as_one(own, *buffers);
    if (piece.size_bytes != collective.size_bytes) issues.push_back(fmt::format("collective {} has a wrong size", id));
    if (const auto lent = arena.lent_to(piece); is_output && lent && *lent != loan(id, false)) {
      issues.push_back(fmt::format("collective {} writes over message {}, which nobody waited for", id, *lent));
    }
    arena.lend(piece, loan(id, is_output));
  }
  for (std::size_t i = 0; i < instruction.outputs.size(); ++i) {
    arena.write(own.buffers[instruction.outputs[i]], unfinished(collective.tensors[i]));
  }
  return issues;
}

std::vector<std::string> CheckedCollectives::finish(DeviceId device, const Instruction& instruction) {
  std::vector<std::string> issues;
  const std::int32_t id = instruction.collective;
  const Collective& collective = program_.collectives[static_cast<std::size_t>(id)];
  State& state = states_[static_cast<std::size_t>(id)];
  if (!state.finished.insert(device).second) issues.push_back(fmt::format("collective {} is finished twice", id));
  if (state.started.size() != collective.members.size()) {
    issues.push_back(fmt::format("collective {} is finished before all have started it: a deadlock", id));
    return issues;
  }
  CheckedArena& arena = arenas_[device];
  arena.release(loan(id, false));
  arena.release(loan(id, true));
  for (std::size_t i = 0; i < instruction.outputs.size(); ++i) {
    const TensorId t = collective.tensors[i];
    const Buffer& buffer = program_.devices[device].buffers[instruction.outputs[i]];
    if (arena.value_in(buffer) != unfinished(t)) {
      issues.push_back(fmt::format("collective {} ends elsewhere than it began", id));
    }
    arena.write(buffer, collective.kind == CollectiveKind::kBroadcast
                            ? state.values[i]
                            : names_.sum_of_replicas(t, static_cast<std::int32_t>(collective.members.size())));
  }
  return issues;
}

std::vector<std::string> CheckedCollectives::at_end() const {
  std::vector<std::string> issues;
  for (std::size_t c = 0; c < states_.size(); ++c) {
    const std::size_t members = program_.collectives[c].members.size();
    if (states_[c].started.size() == members && states_[c].finished.size() == members) continue;
    issues.push_back(fmt::format("collective {} is started by {} devices and finished by {}, not {}", c,
                                 states_[c].started.size(), states_[c].finished.size(), members));
  }
  return issues;
}

}  // namespace mp
