#include "lib/program/check_collectives.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <optional>

namespace mp {

CheckedCollectives::CheckedCollectives(const Program& program, const ValueNames& names, const Replication& replication,
                                       IdVector<DeviceId, CheckedArena>& arenas)
    : program_(program),
      names_(names),
      replication_(replication),
      arenas_(arenas),
      states_(program.collectives.size()) {
  auto next = static_cast<std::int32_t>(program.messages.size());
  for (const Collective& collective : program.collectives) {
    first_loan_.push_back(next);
    next += 2 * static_cast<std::int32_t>(pieces_of(collective).size());
  }
}

// Beyond the numbers of messages.
std::int32_t CheckedCollectives::loan(std::int32_t collective, std::size_t piece, bool is_output) const {
  return first_loan_[static_cast<std::size_t>(collective)] + 2 * static_cast<std::int32_t>(piece) + (is_output ? 1 : 0);
}

Buffer CheckedCollectives::as_one(DeviceId device, const std::vector<BufferId>& operands,
                                  const PieceOperand& piece) const {
  const IdVector<BufferId, Buffer>& buffers = program_.devices[device].buffers;
  Buffer whole = buffers[operands[piece.first]];
  const Buffer& last = buffers[operands[piece.first + piece.tensors - 1]];
  whole.size_bytes = last.offset_bytes + last.size_bytes - whole.offset_bytes;
  return whole;
}

void CheckedCollectives::join_lane(DeviceId device, std::int32_t id, std::vector<std::string>& issues) {
  const Collective& collective = program_.collectives[static_cast<std::size_t>(id)];
  Lane& lane = lanes_[{is_sum(collective.kind), collective.members}];
  const std::size_t place = lane.next[device]++;
  if (place == lane.order.size()) lane.order.push_back(id);
  if (lane.order[place] != id) {
    issues.push_back(fmt::format("starts collective {} where another member started {}", id, lane.order[place]));
  }
}

// Sums are over the whole group that makes the gradient.
void CheckedCollectives::check_group(const Collective& collective, std::vector<std::string>& issues) const {
  if (!is_sum(collective.kind)) return;
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
  std::vector<Value>& values = states_[static_cast<std::size_t>(instruction.collective)].values;
  values.resize(collective.tensors.size());
  for (const PieceOperand& piece : inputs_of(collective, device)) {
    for (std::size_t i = 0; i < piece.tensors; ++i) {
      const TensorId t = collective.tensors[piece.first_tensor + i];
      const Buffer& buffer = program_.devices[device].buffers[instruction.inputs[piece.first + i]];
      const std::optional<Value> found = arenas_[device].value_in(buffer);
      const Value expected = expected_of(collective, t, device);
      values[piece.first_tensor + i] = found.value_or(expected);
      if (found == expected) continue;
      if (!is_sum(collective.kind) && found && names_.may_be_sent(*found, t, -1)) continue;
      issues.push_back(fmt::format("gives {}, but finds {}", names_.text(expected),
                                   found ? names_.text(*found) : std::string("bytes that were never written")));
    }
  }
}

// A sum is of all that each member has, or of one microbatch of each.
Value CheckedCollectives::expected_of(const Collective& collective, TensorId tensor, DeviceId device) const {
  if (!is_sum(collective.kind)) return names_.expected(tensor, -1);
  const std::int32_t position = replication_.position(device);
  if (collective.microbatch >= 0) return names_.made(tensor, collective.microbatch + position);
  return names_.sum_of_replica(tensor, position);
}

Value CheckedCollectives::result_of(std::int32_t id, std::size_t tensor) const {
  const Collective& collective = program_.collectives[static_cast<std::size_t>(id)];
  if (!is_sum(collective.kind)) return states_[static_cast<std::size_t>(id)].values[tensor];
  const TensorId t = collective.tensors[tensor];
  if (collective.microbatch >= 0) return names_.sum_of_turn(t, collective.microbatch);
  return names_.sum_of_replicas(t, static_cast<std::int32_t>(collective.members.size()));
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
  for (const PieceOperand& piece : inputs_of(collective, device)) {
    const Buffer whole = as_one(device, instruction.inputs, piece);
    if (whole.size_bytes != piece.size_bytes) issues.push_back(fmt::format("collective {} has a wrong size", id));
    arena.lend(whole, loan(id, piece.piece, false));
  }
  for (const PieceOperand& piece : outputs_of(collective, device)) {
    const Buffer whole = as_one(device, instruction.outputs, piece);
    if (whole.size_bytes != piece.size_bytes) issues.push_back(fmt::format("collective {} has a wrong size", id));
    if (const auto lent = arena.lent_to(whole); lent && *lent != loan(id, piece.piece, false)) {
      issues.push_back(fmt::format("collective {} writes over message {}, which nobody waited for", id, *lent));
    }
    arena.lend(whole, loan(id, piece.piece, true));
    for (std::size_t i = 0; i < piece.tensors; ++i) {
      arena.write(own.buffers[instruction.outputs[piece.first + i]],
                  unfinished(collective.tensors[piece.first_tensor + i]));
    }
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
  for (const PieceOperand& piece : inputs_of(collective, device)) arena.release(loan(id, piece.piece, false));
  for (const PieceOperand& piece : outputs_of(collective, device)) {
    arena.release(loan(id, piece.piece, true));
    for (std::size_t i = 0; i < piece.tensors; ++i) {
      const Buffer& buffer = program_.devices[device].buffers[instruction.outputs[piece.first + i]];
      if (arena.value_in(buffer) != unfinished(collective.tensors[piece.first_tensor + i])) {
        issues.push_back(fmt::format("collective {} ends elsewhere than it began", id));
      }
      arena.write(buffer, result_of(id, piece.first_tensor + i));
    }
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
