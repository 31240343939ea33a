#include "lib/program/emit.hpp"

#include <algorithm>
#include <deque>
#include <limits>
#include <map>
#include <utility>

#include "lib/base/check.hpp"
#include "lib/operators/operator.hpp"
#include "lib/program/residences.hpp"

namespace mp {
namespace {

constexpr std::int32_t kOnceAStep = -1;

class Emitter {
 public:
  Emitter(const TrainingGraph& training, const Placement& placement, std::int32_t devices)
      : training_(training),
        graph_(training.graph),
        device_of_(devices_of_nodes(training, placement)),
        residences_(training, placement, device_of_),
        slots_of_(residences_.all().size(), 0) {
    out_.devices.resize(static_cast<std::size_t>(devices));
    out_.lifetimes.resize(static_cast<std::size_t>(devices));
    std::size_t slots = 0;
    for (const ResidenceId r : ids<ResidenceId>(slots_of_.size())) {
      slots_of_[r] = slots;
      slots += residences_[r].once_a_step ? 1 : static_cast<std::size_t>(training.microbatches);
    }
    buffers_.resize(slots, kNone<BufferId>);
    incoming_.resize(slots, -1);
    for (const ResidenceId r : ids<ResidenceId>(residences_.all().size())) {
      if (residences_[r].origin == Residence::Origin::kParameter) make_buffer(r, kOnceAStep);
    }
  }

  void send_parameters() {
    for (const GraphParameter& parameter : graph_.parameters()) {
      send(residences_.first(parameter.tensor), kOnceAStep);
    }
  }

  void run(const Segment& segment, std::int32_t microbatch) {
    for (const NodeId n : segment.nodes) run(n, microbatch);
  }

  void run(NodeId n, std::int32_t microbatch) {
    const Node& node = graph_.node(n);
    if (node.op->is_view) {
      fetch(residences_.read_by(n, node.inputs.front()), microbatch);
    } else {
      compute(n, microbatch);
    }
    for (const TensorId t : node.outputs) {
      if (t != kNone<TensorId>) publish(t, device_of_[n], microbatch);
    }
  }

  Emission finish() && {
    for (const DeviceId d : ids<DeviceId>(out_.devices.size())) {
      const auto end = static_cast<std::int32_t>(out_.devices[d].instructions.size());
      for (const BufferId b : ids<BufferId>(out_.devices[d].buffers.size())) {
        if (out_.devices[d].buffers[b].role == BufferRole::kParameter) out_.lifetimes[d][b] = {0, end};
      }
    }
    for (const auto& [link, messages] : in_flight_) MP_CHECK(messages.empty());
    return std::move(out_);
  }

 private:
  [[nodiscard]] std::size_t slot(ResidenceId r, std::int32_t microbatch) const {
    MP_CHECK(residences_[r].once_a_step || microbatch >= 0);  // an update reads sums, never one microbatch's value
    return slots_of_[r] + (residences_[r].once_a_step ? 0 : static_cast<std::size_t>(microbatch));
  }

  [[nodiscard]] BufferId& buffer(ResidenceId r, std::int32_t microbatch) {
    return buffers_[slot(residences_[r].buffer_of, microbatch)];
  }

  BufferId make_buffer(ResidenceId r, std::int32_t microbatch) {
    const Residence& residence = residences_[r];
    BufferRole role = residence.is_sum ? BufferRole::kGradient : BufferRole::kActivation;
    if (residence.origin == Residence::Origin::kParameter) role = BufferRole::kParameter;
    if (residence.origin == Residence::Origin::kReceived) role = BufferRole::kActivation;
    out_.lifetimes[residence.device].push_back({std::numeric_limits<std::int32_t>::max(), 0});
    return buffer(r, microbatch) = out_.devices[residence.device].buffers.push_back(
               {.tensor = residence.tensor,
                .microbatch = residence.once_a_step ? kOnceAStep : microbatch,
                .role = role,
                .offset_bytes = 0,
                .size_bytes = bytes(graph_.tensor(residence.tensor).type)});
  }

  void push(DeviceId device, Instruction instruction) {
    std::vector<Instruction>& list = out_.devices[device].instructions;
    const auto position = static_cast<std::int32_t>(list.size());
    for (const std::vector<BufferId>* operands : {&instruction.inputs, &instruction.outputs}) {
      for (const BufferId b : *operands) {
        if (b == kNone<BufferId>) continue;
        Lifetime& life = out_.lifetimes[device][b];
        life.begin = std::min(life.begin, position);
        life.end = std::max(life.end, position + 1);
      }
    }
    list.push_back(std::move(instruction));
    out_.order.push_back({device, position});
  }

  // Makes sure that the bytes of a residence are on its device.
  void fetch(ResidenceId r, std::int32_t microbatch) {
    const Residence& residence = residences_[r];
    if (buffer(r, microbatch) != kNone<BufferId>) return;
    if (residence.origin == Residence::Origin::kFed) {
      const BufferId into = make_buffer(r, microbatch);
      push(residence.device,
           {.opcode = Opcode::kFeed, .tensor = residence.tensor, .microbatch = microbatch, .outputs = {into}});
      return;
    }
    const std::int32_t message = incoming_[slot(r, microbatch)];
    MP_CHECK(residence.origin == Residence::Origin::kReceived && message >= 0);
    receive_up_to(message);
  }

  void receive_up_to(std::int32_t message) {
    const Message& wanted = out_.messages[static_cast<std::size_t>(message)];
    std::deque<std::int32_t>& queue = in_flight_[{wanted.from, wanted.to}];
    for (bool found = false; !found;) {
      found = queue.front() == message;
      receive(queue.front());
      queue.pop_front();
    }
  }

  void receive(std::int32_t id) {
    const auto position = static_cast<std::size_t>(id);
    const Message message = out_.messages[position];
    const BufferId into = make_buffer(destinations_[position], message.microbatch);
    push(message.to, {.opcode = Opcode::kReceive,
                      .tensor = message.tensor,
                      .microbatch = message.microbatch,
                      .message = id,
                      .outputs = {into}});
    SentFrom& source = out_.sent_from[position];
    source.wait_from = static_cast<std::int32_t>(out_.devices[message.from].instructions.size());
    Lifetime& life = out_.lifetimes[message.from][source.buffer];
    life.end = std::max(life.end, source.wait_from);
  }

  // Sends a residence to every other device that holds a copy of it.
  void send(ResidenceId from, std::int32_t microbatch) {
    const Residence& source = residences_[from];
    const BufferId data = buffer(from, microbatch);
    for (ResidenceId r = residences_.first(source.tensor); r != kNone<ResidenceId>; r = residences_[r].next) {
      const Residence& copy = residences_[r];
      if (copy.origin != Residence::Origin::kReceived || copy.is_sum != source.is_sum) continue;
      const auto id = static_cast<std::int32_t>(out_.messages.size());
      const std::int32_t of = copy.once_a_step ? kOnceAStep : microbatch;
      out_.messages.push_back(
          {source.tensor, of, source.device, copy.device, bytes(graph_.tensor(source.tensor).type)});
      out_.sent_from.push_back({.buffer = data});
      destinations_.push_back(r);
      incoming_[slot(r, of)] = id;
      in_flight_[{source.device, copy.device}].push_back(id);
      push(source.device,
           {.opcode = Opcode::kSend, .tensor = source.tensor, .microbatch = of, .message = id, .inputs = {data}});
    }
  }

  void copy(DeviceId device, TensorId tensor, std::int32_t microbatch, BufferId from, BufferId to) {
    push(device,
         {.opcode = Opcode::kCopy, .tensor = tensor, .microbatch = microbatch, .inputs = {from}, .outputs = {to}});
  }

  void compute(NodeId n, std::int32_t microbatch) {
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
    settle_in_place(node, instruction);
    push(device_of_[n], std::move(instruction));
  }

  // The buffer a node writes output `t` to.
  BufferId output(NodeId n, TensorId t, std::int32_t microbatch) {
    const ResidenceId r = residences_.value(t, device_of_[n]);
    const Residence& residence = residences_[r];
    if (residence.copied_from_state) return kNone<BufferId>;  // settle_in_place
    if (residences_.is_accumulated(t) && microbatch == 0) {
      return buffer(r, microbatch) = make_buffer(residences_.sum(t, residence.device), kOnceAStep);
    }
    const BufferId made = buffer(r, microbatch);
    return made != kNone<BufferId> ? made : make_buffer(r, microbatch);
  }

  // In-place pairs have one address. A state is updated where it is; any other tensor is copied first, since others may
  // still read it.
  void settle_in_place(const Node& node, Instruction& instruction) {
    const DeviceId device = device_of_[instruction.node];
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

  // What follows when a tensor has been made: copies, sums, the loss, transfers.
  void publish(TensorId t, DeviceId device, std::int32_t microbatch) {
    const ResidenceId r = residences_.value(t, device);
    if (residences_[r].copied_from_state) copy_state(r, microbatch);
    if (t == graph_.loss()) {
      push(device,
           {.opcode = Opcode::kFetchLoss, .tensor = t, .microbatch = microbatch, .inputs = {buffer(r, microbatch)}});
    }
    send(r, microbatch);
    if (residences_.is_accumulated(t)) accumulate(r, microbatch);
  }

  void copy_state(ResidenceId r, std::int32_t microbatch) {
    const TensorId t = residences_[r].tensor;
    const Node& node = graph_.node(graph_.tensor(t).producer);
    for (const InPlace& pair : node.op->in_place) {
      if (node.outputs[pair.output] != t) continue;
      const BufferId state = buffer(residences_.value(node.inputs[pair.input], residences_[r].device), kOnceAStep);
      copy(residences_[r].device, t, microbatch, state, make_buffer(r, microbatch));
    }
  }

  // Microbatch 0 was written into the accumulator.
  void accumulate(ResidenceId r, std::int32_t microbatch) {
    const Residence& value = residences_[r];
    const ResidenceId sum = residences_.sum(value.tensor, value.device);
    if (microbatch > 0) {
      push(value.device, {.opcode = Opcode::kAccumulate,
                          .tensor = value.tensor,
                          .microbatch = microbatch,
                          .inputs = {buffer(r, microbatch)},
                          .outputs = {buffer(sum, kOnceAStep)}});
    }
    if (microbatch + 1 == training_.microbatches) send(sum, kOnceAStep);
  }

  const TrainingGraph& training_;
  const Graph& graph_;
  IdVector<NodeId, DeviceId> device_of_;
  Residences residences_;
  IdVector<ResidenceId, std::size_t> slots_of_;  // first slot of a residence in the two tables below
  std::vector<BufferId> buffers_;                // kNone: not there yet
  std::vector<std::int32_t> incoming_;           // message on its way; −1: none yet
  std::vector<ResidenceId> destinations_;        // of messages
  std::map<std::pair<DeviceId, DeviceId>, std::deque<std::int32_t>> in_flight_;
  Emission out_;
};

// Updates by the number of device changes on the way to them, then by id: those that wait for nobody come first.
std::vector<NodeId> updates_in_order(const TrainingGraph& training, const Placement& placement) {
  const Graph& graph = training.graph;
  std::vector<std::pair<std::int32_t, NodeId>> order;
  IdVector<NodeId, std::int32_t> level(graph.nodes().size(), 0);
  const auto device = [&](NodeId n) { return placement[training.placed_with[n]]; };
  for (const NodeId n : ids<NodeId>(graph.nodes().size())) {
    if (training.phase[n] != Phase::kUpdate) continue;
    for (const TensorId t : graph.node(n).inputs) {
      const NodeId from = t == kNone<TensorId> ? kNone<NodeId> : graph.tensor(t).producer;
      if (from != kNone<NodeId>) level[n] = std::max(level[n], level[from] + (device(from) == device(n) ? 0 : 1));
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

Emission emit(const TrainingGraph& training, const Placement& placement, const std::vector<Segment>& segments,
              const std::vector<Task>& tasks, std::int32_t devices) {
  Emitter emitter(training, placement, devices);
  emitter.send_parameters();
  for (const Task& task : tasks) emitter.run(segments[static_cast<std::size_t>(task.segment)], task.microbatch);
  for (const NodeId n : updates_in_order(training, placement)) emitter.run(n, kOnceAStep);
  return std::move(emitter).finish();
}

}  // namespace mp
