// Forward and backward nodes on microbatches.
#include <utility>

#include "lib/base/check.hpp"
#include "lib/operators/operator.hpp"
#include "lib/program/emitter.hpp"

namespace mp {

// Makes sure that the bytes of a residence are on its device.
void Emitter::fetch(ResidenceId r, std::int32_t microbatch) {
  const ResidenceId root = residences_[r].buffer_of;
  const Residence& residence = residences_[root];
  const DeviceId device = options_.replication.device(residence.device, microbatch);
  if (is_fetched(residence, device)) {
    buffer(r, microbatch) = fetched_copy(residence.tensor, device);
    return;
  }
  if (buffer(r, microbatch) != kNone<BufferId>) return;
  if (residence.origin == Residence::Origin::kFed) {
    const BufferId into = make_buffer(root, microbatch);
    push(device, {.opcode = Opcode::kFeed, .tensor = residence.tensor, .microbatch = microbatch, .outputs = {into}});
    return;
  }
  const std::int32_t message = incoming_[slot(root, microbatch)];
  MP_CHECK(message >= 0);
  receive_up_to(message);
}

void Emitter::compute(NodeId n, std::int32_t microbatch) {
  const Node& node = graph_.node(n);
  Instruction instruction{.opcode = Opcode::kCompute, .node = n, .microbatch = microbatch};
  for (const TensorId t : node.inputs) {
    if (t == kNone<TensorId>) {
      instruction.inputs.push_back(kNone<BufferId>);
      continue;
    }
    const ResidenceId r = residences_.read_by(n, t);
    fetch(r, microbatch);
    instruction.inputs.push_back(buffer(r, microbatch));
  }
  for (const TensorId t : node.outputs) {
    instruction.outputs.push_back(t == kNone<TensorId> ? kNone<BufferId> : output(n, t, microbatch));
  }
  settle_in_place(node, device(n, microbatch), instruction);
  push(device(n, microbatch), std::move(instruction));
}

// The buffer a node writes output `t` to.
BufferId Emitter::output(NodeId n, TensorId t, std::int32_t microbatch) {
  const DeviceId leader = leader_of_[n];
  if (training_.shares.contains(t)) return output_in_shares(t, leader, microbatch);
  const ResidenceId r = residences_.value(t, leader);
  if (residences_[r].copied_from_state) return kNone<BufferId>;  // settle_in_place
  if (residences_.is_accumulated(t) && shards_gradients(leader)) return output_of_shard(r, microbatch);
  if (residences_.is_accumulated(t) && microbatch < options_.replication.size(leader)) {
    return buffer(r, microbatch) = make_buffer(residences_.sum(t, leader), microbatch);
  }
  const BufferId made = buffer(r, microbatch);
  return made != kNone<BufferId> ? made : make_buffer(r, microbatch);
}

// In-place pairs have one address. A state is updated where it is; any other tensor is copied first, since others may
// still read it.
void Emitter::settle_in_place(const Node& node, DeviceId device, Instruction& instruction) {
  for (const InPlace& pair : node.op->in_place) {
    if (pair.output >= node.outputs.size() || node.outputs[pair.output] == kNone<TensorId>) continue;
    if (pair.input >= node.inputs.size() || node.inputs[pair.input] == kNone<TensorId>) continue;
    BufferId& input = instruction.inputs[pair.input];
    BufferId& output = instruction.outputs[pair.output];
    if (graph_.tensor(node.inputs[pair.input]).kind == TensorKind::kParameter) {
      output = input;
    } else {
      copy(device, node.outputs[pair.output], instruction.microbatch, input, output);
      input = output;
    }
  }
}

// What follows when a tensor has been made: copies, sums, transfers.
void Emitter::publish(NodeId n, TensorId t, std::int32_t microbatch) {
  const ResidenceId r = residences_.value(t, leader_of_[n]);
  if (residences_[r].copied_from_state) copy_state(r, microbatch);
  send(r, microbatch);
  if (residences_.is_accumulated(t)) accumulate(r, microbatch);
}

// After node `n`, which has made the tensor or read it.
void Emitter::hand_over(NodeId n, TensorId t, std::int32_t microbatch) {
  const BufferId data = buffer(residences_.value(t, leader_of_[n]), microbatch);
  push(device(n, microbatch), {.opcode = Opcode::kFetchLoss, .tensor = t, .microbatch = microbatch, .inputs = {data}});
}

void Emitter::copy_state(ResidenceId r, std::int32_t microbatch) {
  const TensorId t = residences_[r].tensor;
  const DeviceId leader = residences_[r].device;
  const Node& node = graph_.node(graph_.tensor(t).producer);
  for (const InPlace& pair : node.op->in_place) {
    if (node.outputs[pair.output] != t) continue;
    const BufferId state = buffer(residences_.value(node.inputs[pair.input], leader), microbatch);
    copy(options_.replication.device(leader, microbatch), t, microbatch, state, make_buffer(r, microbatch));
  }
}

// A member's first microbatch was written into its accumulator.
void Emitter::accumulate(ResidenceId r, std::int32_t microbatch) {
  const Residence& value = residences_[r];
  if (shards_gradients(value.device)) return hand_in(value.tensor, microbatch);
  const ResidenceId sum = residences_.sum(value.tensor, value.device);
  const std::int32_t members = options_.replication.size(value.device);
  if (microbatch >= members) {
    push(options_.replication.device(value.device, microbatch), {.opcode = Opcode::kAccumulate,
                                                                 .tensor = value.tensor,
                                                                 .microbatch = microbatch,
                                                                 .inputs = {buffer(r, microbatch)},
                                                                 .outputs = {buffer(sum, microbatch)}});
  }
  if (microbatch + members >= training_.microbatches) finish_sum(sum, microbatch);
}

}  // namespace mp
