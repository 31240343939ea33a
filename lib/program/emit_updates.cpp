// Sums over the members of a group, and the updates once a step.
#include <algorithm>
#include <utility>

#include "lib/base/check.hpp"
#include "lib/operators/operator.hpp"
#include "lib/program/emitter.hpp"

namespace mp {
namespace {

// Updates by the number of device changes on the way to them, then by id: those that wait for nobody come first.
std::vector<NodeId> updates_in_order(const TrainingGraph& training, const IdVector<NodeId, DeviceId>& device) {
  const Graph& graph = training.graph;
  std::vector<std::pair<std::int32_t, NodeId>> order;
  IdVector<NodeId, std::int32_t> level(graph.nodes().size(), 0);
  for (const NodeId n : ids<NodeId>(graph.nodes().size())) {
    if (training.phase[n] != Phase::kUpdate) continue;
    for (const TensorId t : graph.node(n).inputs) {
      const NodeId from = t == kNone<TensorId> ? kNone<NodeId> : graph.tensor(t).producer;
      if (from != kNone<NodeId>) level[n] = std::max(level[n], level[from] + (device[from] == device[n] ? 0 : 1));
    }
    order.emplace_back(level[n], n);
  }
  std::sort(order.begin(), order.end());
  std::vector<NodeId> nodes;
  nodes.reserve(order.size());
  for (const auto& [unused, n] : order) nodes.push_back(n);
  return nodes;
}

}  // namespace

// Devices whose updates read a sum, or what an update made.
std::vector<DeviceId> Emitter::users(TensorId whole) const {
  std::vector<DeviceId> devices;
  for (const NodeId reader : graph_.consumers(whole)) {
    if (training_.phase[reader] != Phase::kUpdate) continue;
    for (const DeviceId d : ownership_.executors(reader)) {
      if (std::find(devices.begin(), devices.end(), d) == devices.end()) devices.push_back(d);
    }
  }
  return devices;
}

// The first user among the members of the gradient's group, which saves a transfer; else the first of all.
DeviceId Emitter::reducer(TensorId gradient) {
  if (reducer_[gradient] != kNone<DeviceId>) return reducer_[gradient];
  const std::vector<DeviceId> candidates = users(gradient);
  const DeviceId leader = leader_of_[graph_.tensor(gradient).producer];
  const auto member = std::find_if(candidates.begin(), candidates.end(),
                                   [&](DeviceId d) { return options_.replication.leader(d) == leader; });
  return reducer_[gradient] = member != candidates.end() ? *member : candidates.front();
}

Emitter::Slot Emitter::whole_slot(TensorId t, DeviceId device) {
  const auto [at, is_new] = whole_slots_.try_emplace({t, device}, buffers_.size());
  if (is_new) {
    buffers_.push_back(kNone<BufferId>);
    incoming_.push_back(-1);
  }
  return at->second;
}

void Emitter::finish_sum(ResidenceId sum, std::int32_t microbatch) {
  const TensorId t = residences_[sum].tensor;
  const DeviceId leader = residences_[sum].device;
  const DeviceId here = options_.replication.device(leader, microbatch);
  const std::int32_t members = options_.replication.size(leader);
  if (members == 1) {
    buffers_[whole_slot(t, here)] = buffer(sum, microbatch);
    return publish_whole(t, here);
  }
  const DeviceId there = reducer(t);
  Reduction& reduction = sums_left_[t];
  reduction.gradient = t;
  if (here == there) {
    reduction.arrived = std::max(reduction.arrived, now_);
  } else {
    const Slot into = buffers_.size();
    buffers_.push_back(kNone<BufferId>);
    incoming_.push_back(-1);
    sum_slots_[{t, options_.replication.position(here)}] = into;
    post({t, kOnceAStep, here, there}, buffer(sum, microbatch), {.slot = into});
    reduction.arrived = std::max(reduction.arrived, arrived_.back());
  }
  if (++members_done_[t] == members) to_reduce_[there].push_back(reduction);
}

void Emitter::reduce_arrived(DeviceId device, std::int64_t now) {
  std::vector<Reduction>& waiting = to_reduce_[device];
  if (waiting.empty()) return;
  now_ = now;
  std::vector<Reduction> left;
  for (const Reduction& reduction : std::exchange(waiting, {})) {
    if (reduction.arrived <= now) {
      reduce(reduction.gradient);
    } else {
      left.push_back(reduction);
    }
  }
  waiting = std::move(left);
}

// A member's sum at the reducer.
BufferId Emitter::sum_of_member(ResidenceId sum, std::int32_t position, DeviceId reducer) {
  const Residence& residence = residences_[sum];
  if (options_.replication.member(residence.device, position) == reducer) return buffers_[member_slot(sum, position)];
  const Slot slot = sum_slots_.at({residence.tensor, position});
  if (buffers_[slot] == kNone<BufferId>) receive_up_to(incoming_[slot]);
  return buffers_[slot];
}

// Adds the others' sums to the first member's, in the order of the group.
void Emitter::reduce(TensorId gradient) {
  const DeviceId leader = leader_of_[graph_.tensor(gradient).producer];
  const DeviceId here = reducer(gradient);
  const ResidenceId sum = residences_.sum(gradient, leader);
  const BufferId total = sum_of_member(sum, 0, here);
  for (std::int32_t position = 1; position < options_.replication.size(leader); ++position) {
    push(here, {.opcode = Opcode::kAccumulate,
                .tensor = gradient,
                .microbatch = kOnceAStep,
                .inputs = {sum_of_member(sum, position, here)},
                .outputs = {total}});
  }
  buffers_[whole_slot(gradient, here)] = total;
  publish_whole(gradient, here);
}

// To every other device that reads it; a member takes it where its own sum was.
void Emitter::publish_whole(TensorId t, DeviceId device) {
  const BufferId data = buffers_[whole_slot(t, device)];
  const DeviceId leader = leader_of_[graph_.tensor(t).producer];
  for (const DeviceId d : users(t)) {
    if (d == device) continue;
    Arrival arrival{.slot = whole_slot(t, d)};
    if (residences_.is_accumulated(t) && options_.replication.leader(d) == leader) {
      arrival.into = buffers_[member_slot(residences_.sum(t, leader), options_.replication.position(d))];
    }
    post({t, kOnceAStep, device, d}, data, arrival);
  }
}

BufferId Emitter::whole(TensorId t, DeviceId device) {
  const Slot slot = whole_slot(t, device);
  if (buffers_[slot] == kNone<BufferId>) {
    MP_CHECK(incoming_[slot] >= 0);
    receive_up_to(incoming_[slot]);
  }
  return buffers_[slot];
}

BufferId Emitter::operand_of_update(TensorId t, DeviceId device) {
  if (t == kNone<TensorId>) return kNone<BufferId>;
  if (graph_.tensor(t).kind != TensorKind::kParameter) return whole(t, device);
  const ResidenceId home = residences_.first(t);
  MP_CHECK(residences_[home].device == options_.replication.leader(device));
  const BufferId kept = buffers_[member_slot(home, options_.replication.position(device))];
  MP_CHECK(kept != kNone<BufferId>);
  return kept;
}

void Emitter::run_update(NodeId n, DeviceId device) {
  const Node& node = graph_.node(n);
  Instruction instruction{.opcode = Opcode::kCompute, .node = n, .microbatch = kOnceAStep};
  for (const TensorId t : node.inputs) instruction.inputs.push_back(operand_of_update(t, device));
  for (std::size_t i = 0; i < node.outputs.size(); ++i) {
    const TensorId t = node.outputs[i];
    BufferId made = kNone<BufferId>;
    const bool in_place = std::any_of(node.op->in_place.begin(), node.op->in_place.end(), [&](const InPlace& pair) {
      return pair.output == i && pair.input < node.inputs.size() && node.inputs[pair.input] != kNone<TensorId> &&
             graph_.tensor(node.inputs[pair.input]).kind == TensorKind::kParameter;
    });
    if (node.op->is_view) {
      made = instruction.inputs.front();
    } else if (t != kNone<TensorId> && !in_place) {
      made = make_buffer(device, t, kOnceAStep, BufferRole::kActivation);
    }
    if (made != kNone<BufferId>) buffers_[whole_slot(t, device)] = made;
    instruction.outputs.push_back(made);
  }
  settle_in_place(node, device, instruction);
  const std::vector<BufferId> outputs = instruction.outputs;
  if (!node.op->is_view) push(device, std::move(instruction));
  for (std::size_t i = 0; i < node.outputs.size(); ++i) {
    if (node.outputs[i] == kNone<TensorId> || graph_.consumers(node.outputs[i]).empty()) continue;
    buffers_[whole_slot(node.outputs[i], device)] = outputs[i];
    publish_whole(node.outputs[i], device);
  }
}

void Emitter::send_new_values(NodeId n) {
  const TensorId t = ownership_.updated_by(n);
  if (t == kNone<TensorId> || !ownership_.sends_new_value(t)) return;
  const DeviceId owner = ownership_.owner(t);
  const ResidenceId home = residences_.first(t);
  const BufferId data = buffers_[member_slot(home, options_.replication.position(owner))];
  for (const DeviceId d : options_.replication.members(residences_[home].device)) {
    if (d == owner) continue;
    const BufferId into = buffers_[member_slot(home, options_.replication.position(d))];
    const Slot slot = buffers_.size();
    buffers_.push_back(kNone<BufferId>);
    incoming_.push_back(-1);
    post({t, kOnceAStep, owner, d}, data, {.slot = slot, .into = into});
    new_values_.push_back(incoming_[slot]);
  }
}

void Emitter::receive_new_values() {
  for (const std::int32_t message : new_values_) {
    if (buffers_[arrivals_[static_cast<std::size_t>(message)].slot] == kNone<BufferId>) receive_up_to(message);
  }
}

void Emitter::update() {
  for (const DeviceId d : ids<DeviceId>(to_reduce_.size())) {
    for (const Reduction& reduction : std::exchange(to_reduce_[d], {})) reduce(reduction.gradient);
  }
  const std::vector<NodeId> updates = updates_in_order(training_, leader_of_);
  for (const NodeId n : updates) {
    run_update(n, ownership_.executors(n).front());
    send_new_values(n);
  }
  for (const NodeId n : updates) {
    const std::vector<DeviceId> devices = ownership_.executors(n);
    for (std::size_t i = 1; i < devices.size(); ++i) run_update(n, devices[i]);
  }
  receive_new_values();
}

}  // namespace mp
