#include "lib/program/emit.hpp"

#include <algorithm>
#include <limits>
#include <span>
#include <utility>

#include "lib/base/check.hpp"
#include "lib/operators/operator.hpp"
#include "lib/program/emitter.hpp"
#include "lib/program/node_order.hpp"
#include "lib/program/picoseconds.hpp"
#include "lib/program/stored_rows.hpp"

namespace mp {

Emitter::Emitter(const TrainingGraph& training, const Placement& placement, const EmitOptions& options)
    : training_(training),
      graph_(training.graph),
      options_(options),
      leader_of_(devices_of_nodes(training, placement)),
      residences_(training, placement, leader_of_),
      ownership_(training, placement, options.replication, options.zero),
      slots_of_(residences_.all().size(), 0),
      leaving_(options.replication.devices()),
      times_(training.graph, options.cluster),
      clock_(options.replication.devices(), 0),
      to_reduce_(options.replication.devices()),
      to_add_(options.replication.devices()),
      shards_under_way_(options.replication.devices()),
      gradient_bytes_(options.replication.devices(), 0),
      accumulators_(training.graph.tensors().size(), kNone<BufferId>),
      reads_left_(training.graph.tensors().size(), 0),
      to_update_(options.replication.devices()),
      is_updated_(training.graph.nodes().size(), false),
      routes_(options.cluster),
      in_step_(options.replication.devices(), false),
      reductions_under_way_(options.replication.devices()),
      new_values_under_way_(options.replication.devices()),
      gathers_(options.replication.devices()),
      gathered_(options.replication.devices()) {
  out_.devices.resize(options.replication.devices());
  out_.lifetimes.resize(options.replication.devices());
  out_.bundles.resize(options.replication.devices());
  std::size_t slots = 0;
  for (const ResidenceId r : ids<ResidenceId>(slots_of_.size())) {
    slots_of_[r] = slots;
    const std::int32_t of_members = options.replication.size(residences_[r].device);
    slots += static_cast<std::size_t>(residences_[r].once_a_step ? of_members : training.microbatches);
  }
  for (const NodeId n : ids<NodeId>(graph_.nodes().size())) {
    if (training.phase[n] != Phase::kUpdate) count_reads(n, training.microbatches);
  }
  if (graph_.loss() != kNone<TensorId>)
    handed_over_after_.emplace(graph_.tensor(graph_.loss()).producer, graph_.loss());
  for (const TensorId t : training.fetched) {
    const NodeId producer = graph_.tensor(t).producer;
    handed_over_after_.emplace(producer == kNone<NodeId> ? graph_.consumers(t).front() : producer, t);
  }
  buffers_.resize(slots, kNone<BufferId>);
  incoming_.resize(slots, -1);
  for (const ResidenceId r : ids<ResidenceId>(residences_.all().size())) {
    const Residence& residence = residences_[r];
    if (residence.origin != Residence::Origin::kParameter || training.shares.contains(residence.tensor)) continue;
    for (const DeviceId d : options.replication.members(residence.device)) {
      if (!ownership_.keeps(d, residence.tensor)) continue;
      buffers_[member_slot(r, options.replication.position(d))] =
          make_buffer(d, residence.tensor, kOnceAStep, BufferRole::kParameter);
    }
  }
  make_kept_wholes();
}

// Copies for those that read a parameter of another group.
void Emitter::send_parameters() {
  for (const GraphParameter& parameter : graph_.parameters()) {
    const TensorId t = parameter.tensor;
    if (ownership_.is_fetched(t)) continue;
    const ResidenceId home = residences_.first(t);
    const DeviceId owner = ownership_.owner(t);
    const BufferId data = buffers_[member_slot(home, options_.replication.position(owner))];
    for (ResidenceId r = home; r != kNone<ResidenceId>; r = residences_[r].next) {
      if (residences_[r].origin != Residence::Origin::kReceived) continue;
      for (const DeviceId d : options_.replication.members(residences_[r].device)) {
        post({.from = owner, .to = d}, {{t, data, member_slot(r, options_.replication.position(d))}});
      }
    }
  }
}

void Emitter::run(NodeId n, std::int32_t microbatch) {
  const Node& node = graph_.node(n);
  if (node.op->is_view) {
    fetch(residences_.read_by(n, node.inputs.front()), microbatch);
  } else if (!cuts_up(n)) {
    compute(n, microbatch);
  }
  for (const TensorId t : node.outputs) {
    if (t != kNone<TensorId>) publish(n, t, microbatch);
  }
  const auto [first, last] = handed_over_after_.equal_range(n);
  for (auto tensor = first; tensor != last; ++tensor) hand_over(n, tensor->second, microbatch);
  count_reads(n, -1);
}

// Views of a parameter are the parameter.
void Emitter::count_reads(NodeId n, std::int64_t times) {
  for (TensorId t : graph_.node(n).inputs) {
    if (t == kNone<TensorId>) continue;
    for (NodeId from = graph_.tensor(t).producer; from != kNone<NodeId>; from = graph_.tensor(t).producer) {
      if (!graph_.node(from).op->is_view) break;
      t = graph_.node(from).inputs.front();
    }
    if (graph_.tensor(t).kind == TensorKind::kParameter) reads_left_[t] += times;
  }
}

Emission Emitter::finish() && {
  for (const DeviceId d : ids<DeviceId>(out_.devices.size())) {
    const auto end = static_cast<std::int32_t>(out_.devices[d].instructions.size());
    for (const BufferId b : ids<BufferId>(out_.devices[d].buffers.size())) {
      if (out_.devices[d].buffers[b].role == BufferRole::kParameter) out_.lifetimes[d][b] = {0, end};
    }
  }
  bundle_what_travels_together();
  for (const auto& [link, messages] : in_flight_) MP_CHECK(messages.empty());
  return std::move(out_);
}

Emitter::Slot Emitter::member_slot(ResidenceId r, std::int32_t position) const {
  return slots_of_[r] + static_cast<std::size_t>(position);
}

Emitter::Slot Emitter::slot(ResidenceId r, std::int32_t microbatch) const {
  MP_CHECK(microbatch >= 0);
  const Residence& residence = residences_[r];
  return member_slot(r, residence.once_a_step ? microbatch % options_.replication.size(residence.device) : microbatch);
}

BufferId& Emitter::buffer(ResidenceId r, std::int32_t microbatch) {
  return buffers_[slot(residences_[r].buffer_of, microbatch)];
}

BufferId Emitter::make_buffer(DeviceId device, TensorId tensor, std::int32_t microbatch, BufferRole role) {
  out_.lifetimes[device].push_back({std::numeric_limits<std::int32_t>::max(), 0});
  return out_.devices[device].buffers.push_back({.tensor = tensor,
                                                 .microbatch = microbatch,
                                                 .role = role,
                                                 .offset_bytes = 0,
                                                 .size_bytes = stored_bytes(graph_, tensor)});
}

BufferId Emitter::make_buffer(ResidenceId r, std::int32_t microbatch) {
  const Residence& residence = residences_[r];
  return buffer(r, microbatch) = make_buffer(options_.replication.device(residence.device, microbatch),
                                             residence.tensor, residence.once_a_step ? kOnceAStep : microbatch,
                                             residence.is_sum ? BufferRole::kGradient : BufferRole::kActivation);
}

void Emitter::push(DeviceId device, Instruction instruction) {
  std::vector<Instruction>& list = out_.devices[device].instructions;
  const auto position = static_cast<std::int32_t>(list.size());
  for (const std::vector<BufferId>* operands : {&instruction.inputs, &instruction.outputs}) {
    for (const BufferId b : *operands) {
      if (b != kNone<BufferId>) use(device, b, position);
    }
  }
  keep_what_leaves(device);
  advance_clock(device, instruction);
  list.push_back(std::move(instruction));
  out_.order.push_back({device, position});
}

void Emitter::use(DeviceId device, BufferId b, std::int32_t position) {
  const Buffer& used = out_.devices[device].buffers[b];
  if (used.role == BufferRole::kWhole) {
    const std::size_t first = index(used.first_share);
    const std::size_t shares = training_.shares.at(used.tensor).size();
    for (std::size_t i = 0; i < shares; ++i) use(device, make_id<BufferId>(first + i), position);
    return;
  }
  Lifetime& life = out_.lifetimes[device][b];
  life.begin = std::min(life.begin, position);
  life.end = std::max(life.end, position + 1);
}

void Emitter::copy(DeviceId device, TensorId tensor, std::int32_t microbatch, BufferId from, BufferId to) {
  push(device,
       {.opcode = Opcode::kCopy, .tensor = tensor, .microbatch = microbatch, .inputs = {from}, .outputs = {to}});
}

Emitter::Slot Emitter::new_slot() {
  buffers_.push_back(kNone<BufferId>);
  incoming_.push_back(-1);
  return buffers_.size() - 1;
}

// The buffers of several parts lie side by side.
void Emitter::post(Message message, const std::vector<Part>& parts) {
  const auto id = static_cast<std::int32_t>(out_.messages.size());
  message.tensor = parts.front().tensor;
  Instruction send{.opcode = Opcode::kSend, .tensor = message.tensor, .microbatch = message.microbatch, .message = id};
  first_part_.push_back(parts_.size());
  for (const Part& part : parts) {
    if (!send.inputs.empty()) {
      message.others.push_back(part.tensor);
      message.size_bytes = aligned_bytes(message.size_bytes);
    }
    message.size_bytes += stored_bytes(graph_, part.tensor);
    send.inputs.push_back(part.from);
    incoming_[part.slot] = id;
    parts_.push_back(part);
  }
  in_flight_[{message.from, message.to}].push_back(id);
  arrived_.push_back(arrival_of(message));
  out_.wait_from.push_back(0);
  const DeviceId from = message.from;
  out_.messages.push_back(std::move(message));
  push(from, std::move(send));
}

// As far as the links tell: what messages wait for elsewhere is the simulator's.
void Emitter::advance_clock(DeviceId device, const Instruction& instruction) {
  std::int64_t& clock = clock_[device];
  if (instruction.opcode == Opcode::kReceive) {
    clock = std::max(clock, arrived_[static_cast<std::size_t>(instruction.message)]);
  } else {
    clock += to_picoseconds(times_(device, instruction, 1));
  }
}

// When a message posted now is there, behind those on the same link before it.
std::int64_t Emitter::arrival_of(const Message& message) {
  const Link& link = options_.cluster.link(message.from, message.to);
  const double seconds = link.latency_s + static_cast<double>(message.size_bytes) / link.bandwidth_bytes_per_s;
  std::int64_t& free = link_free_[{message.from, message.to}];
  free = std::max(free, clock_[message.from]) + to_picoseconds(seconds);
  return free;
}

void Emitter::receive_up_to(std::int32_t message) {
  const Message& wanted = out_.messages[static_cast<std::size_t>(message)];
  std::deque<std::int32_t>& queue = in_flight_[{wanted.from, wanted.to}];
  for (bool found = false; !found;) {
    found = queue.front() == message;
    receive(queue.front());
    queue.pop_front();
  }
}

void Emitter::receive(std::int32_t id) {
  const auto position = static_cast<std::size_t>(id);
  const Message& message = out_.messages[position];
  const std::span parts(parts_.data() + first_part_[position], 1 + message.others.size());
  Instruction received{
      .opcode = Opcode::kReceive, .tensor = message.tensor, .microbatch = message.microbatch, .message = id};
  for (const Part& part : parts) {
    const bool is_new = part.into == kNone<BufferId>;
    const BufferId into =
        is_new ? make_buffer(message.to, part.tensor, message.microbatch, BufferRole::kActivation) : part.into;
    buffers_[part.slot] = into;
    received.outputs.push_back(into);
  }
  if (parts.size() > 1 && parts.front().into == kNone<BufferId>) out_.bundles[message.to].push_back(received.outputs);
  const auto wait_from = static_cast<std::int32_t>(out_.devices[message.from].instructions.size());
  out_.wait_from[position] = wait_from;
  for (const Part& part : parts) {
    Lifetime& life = out_.lifetimes[message.from][part.from];
    life.end = std::max(life.end, wait_from);
  }
  push(message.to, std::move(received));
  leave(id);
}

// While a message leaves, its sender does not write over its bytes, so that it need not wait for that: not before two
// more microbatches have come by on the same link, which keep it as busy as it can be. Gradients that are sharded save
// memory instead (limit_shards_under_way).
void Emitter::leave(std::int32_t id) {
  const Message& message = out_.messages[static_cast<std::size_t>(id)];
  if (message.microbatch >= 0 && residences_.is_accumulated(message.tensor)) return;
  const auto [latest, is_first] = latest_to_leave_.try_emplace({message.from, message.to});
  const bool goes_on =
      is_first || out_.messages[static_cast<std::size_t>(latest->second.message)].microbatch == message.microbatch;
  const bool copies = options_.cluster.transfer_by == TransferBy::kReceiver;
  latest->second = {.message = id,
                    .gone = copies ? clock_[message.to] : arrived_[static_cast<std::size_t>(id)],
                    .turn = latest->second.turn + (goes_on ? 0 : 1)};
  std::vector<Leaving>& leaving = leaving_[message.from];
  std::erase_if(leaving, [&](const Leaving& other) {
    const bool is_same_link = out_.messages[static_cast<std::size_t>(other.message)].to == message.to;
    return is_same_link && other.turn + 1 < latest->second.turn;
  });
  leaving.push_back(latest->second);
}

// What the device does next begins while they leave.
void Emitter::keep_what_leaves(DeviceId device) {
  const auto end = static_cast<std::int32_t>(out_.devices[device].instructions.size()) + 1;
  std::erase_if(leaving_[device], [&](const Leaving& leaving) {
    if (leaving.gone <= clock_[device]) return true;
    const auto id = static_cast<std::size_t>(leaving.message);
    const std::size_t first = first_part_[id];
    for (std::size_t i = first; i <= first + out_.messages[id].others.size(); ++i) {
      Lifetime& life = out_.lifetimes[device][parts_[i].from];
      life.end = std::max(life.end, end);
    }
    return false;
  });
}

// Sends a microbatch's tensor to every other group that holds a copy of it.
void Emitter::send(ResidenceId from, std::int32_t microbatch) {
  const Residence& source = residences_[from];
  const DeviceId here = options_.replication.device(source.device, microbatch);
  for (ResidenceId r = residences_.first(source.tensor); r != kNone<ResidenceId>; r = residences_[r].next) {
    const Residence& copy = residences_[r];
    if (copy.origin != Residence::Origin::kReceived) continue;
    const DeviceId there = options_.replication.device(copy.device, microbatch);
    post({.microbatch = microbatch, .from = here, .to = there},
         {{source.tensor, buffer(from, microbatch), slot(r, microbatch)}});
  }
}

// The textbook way: what is not placed in replicas is emitted task by task.
Emission emit(const TrainingGraph& training, const Placement& placement, const std::vector<Segment>& segments,
              const std::vector<Task>& tasks, const EmitOptions& options) {
  Emitter emitter(training, placement, options);
  std::vector<NodeRun> runs;
  if (options.replication.any()) {
    runs = order_nodes(training, segments, tasks, options.replication, options.cluster);
    emitter.make_buckets(runs);
  }
  emitter.send_parameters();
  if (options.replication.any()) {
    emitter.plan_fetches(runs);
    for (std::size_t i = 0; i < runs.size(); ++i) {
      const DeviceId device = emitter.device(runs[i].node, runs[i].microbatch);
      emitter.idle_until(device, runs[i].start);
      emitter.reduce_arrived(device);
      emitter.open_window(i, device);
      emitter.run(runs[i].node, runs[i].microbatch);
    }
  } else {
    for (const Task& task : tasks) {
      for (const NodeId n : segments[static_cast<std::size_t>(task.segment)].nodes) emitter.run(n, task.microbatch);
    }
  }
  emitter.update();
  return std::move(emitter).finish();
}

}  // namespace mp
