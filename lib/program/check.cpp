#include <fmt/core.h>

#include <algorithm>
#include <cstddef>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "lib/operators/operator.hpp"
#include "lib/program/check_arena.hpp"
#include "lib/program/check_collectives.hpp"
#include "lib/program/check_layout.hpp"
#include "lib/program/check_shares.hpp"
#include "lib/program/check_values.hpp"
#include "lib/program/program.hpp"
#include "lib/program/stored_rows.hpp"

namespace mp {
namespace {

// Replays `order` on arenas that remember what lies in them. Every dependency of an instruction is met by an earlier
// one in `order`: hence devices that each follow their own list cannot deadlock (the earliest instruction in `order`
// that has not run can always run), with no buffer between the ends of a message.
class Replay {
 public:
  Replay(const Program& program, std::vector<std::string>& issues)
      : program_(program),
        training_(program.training),
        graph_(program.training.graph),
        names_(program),
        replication_(program.replicas, static_cast<std::int32_t>(program.devices.size())),
        issues_(issues),
        arenas_(program.devices.size()),
        messages_(program.messages.size()),
        collectives_(program, names_, replication_, arenas_),
        runs_(graph_.nodes().size(), 0),
        done_(graph_.nodes().size()),
        updated_on_(graph_.nodes().size()),
        fetched_(program.training.fetched) {
    if (graph_.loss() != kNone<TensorId>) fetched_.push_back(graph_.loss());
    times_fetched_.assign(static_cast<std::size_t>(program.microbatches),
                          std::vector<std::int32_t>(fetched_.size(), 0));
    for (const DeviceId d : ids<DeviceId>(program.devices.size())) {
      for (const Buffer& buffer : program.devices[d].buffers) {
        if (buffer.role == BufferRole::kParameter) arenas_[d].write(buffer, names_.parameter(buffer.tensor, 0));
      }
    }
  }

  void run() {
    constexpr std::size_t kEnough = 20;
    for (const Program::Step& step : program_.order) {
      at_ = step;
      replay(program_.devices[step.device].instructions[static_cast<std::size_t>(step.instruction)]);
      if (issues_.size() >= kEnough) return;
    }
    check_end();
  }

 private:
  struct MessageState {
    bool sent = false;
    bool received = false;
    bool waited = false;
    std::vector<Value> values;  // of its parts
  };

  template <class... Args>
  void complain(fmt::format_string<Args...> format, Args&&... args) {
    issues_.push_back(fmt::format("device {}, instruction {}: ", index(at_.device), at_.instruction) +
                      fmt::format(format, std::forward<Args>(args)...));
  }

  void complain_of(const std::vector<std::string>& issues) {
    for (const std::string& issue : issues) complain("{}", issue);
  }

  [[nodiscard]] const Buffer& buffer(BufferId b) const { return program_.devices[at_.device].buffers[b]; }
  [[nodiscard]] std::int64_t size_of_tensor(TensorId t) const { return stored_bytes(graph_, t); }

  void replay(const Instruction& instruction) {
    switch (instruction.opcode) {
      case Opcode::kFeed:
        return feed(instruction);
      case Opcode::kCompute:
        return compute(instruction);
      case Opcode::kCopy:
        return copy(instruction);
      case Opcode::kAccumulate:
        return accumulate(instruction);
      case Opcode::kSend:
        return send(instruction);
      case Opcode::kWaitSend:
        return wait_send(instruction);
      case Opcode::kReceive:
        return receive(instruction);
      case Opcode::kFetchLoss:
        return fetch_loss(instruction);
      case Opcode::kStartCollective:
        return complain_of(collectives_.start(at_.device, instruction));
      case Opcode::kFinishCollective:
        return complain_of(collectives_.finish(at_.device, instruction));
    }
  }

  void read(BufferId b, const Value& expected, TensorId tensor) {
    if (buffer(b).size_bytes != size_of_tensor(tensor)) {
      complain("{} does not have the size of its buffer", graph_.tensor(tensor).name);
    }
    const std::optional<Value> found = value_of(arenas_[at_.device], buffer(b), expected.tensor, training_);
    if (found == expected) return;
    complain("reads {}, but finds {}", names_.text(expected),
             found ? names_.text(*found) : std::string("bytes that were never written, or written over"));
  }

  void write(BufferId b, const Value& value, TensorId tensor) {
    if (buffer(b).size_bytes != size_of_tensor(tensor)) {
      complain("{} does not have the size of its buffer", graph_.tensor(tensor).name);
    }
    if (const auto message = arenas_[at_.device].lent_to(buffer(b))) {
      complain("writes {} over message {}, which nobody waited for", names_.text(value), *message);
    }
    write_value(arenas_[at_.device], buffer(b), value, training_);
  }

  void feed(const Instruction& instruction) {
    if (graph_.tensor(instruction.tensor).kind != TensorKind::kInput) return complain("feeds what is no input");
    write(instruction.outputs.front(), names_.made(instruction.tensor, instruction.microbatch), instruction.tensor);
  }

  void compute(const Instruction& instruction) {
    const NodeId n = instruction.node;
    const Node& node = graph_.node(n);
    const DeviceId leader = program_.placement[training_.placed_with[n]];
    const bool is_here = instruction.microbatch < 0 ? replication_.leader(at_.device) == leader
                                                    : replication_.device(leader, instruction.microbatch) == at_.device;
    if (!is_here) complain("{} is not placed here", node.name);
    if (node.op->is_view) complain("{} is a view: nothing to run", node.name);
    count_run(n, instruction.microbatch);
    for (std::size_t i = 0; i < node.inputs.size(); ++i) {
      if (node.inputs[i] == kNone<TensorId>) continue;
      read(instruction.inputs[i], names_.read(n, node.inputs[i], instruction.microbatch), node.inputs[i]);
    }
    check_operands_apart(instruction);
    for (std::size_t i = 0; i < node.outputs.size(); ++i) {
      if (node.outputs[i] == kNone<TensorId>) continue;
      write(instruction.outputs[i], names_.made(node.outputs[i], instruction.microbatch), node.outputs[i]);
    }
  }

  void count_run(NodeId n, std::int32_t microbatch) {
    const bool once = training_.phase[n] == Phase::kUpdate;
    if (once != (microbatch < 0)) return complain("{} runs for the wrong microbatch", graph_.node(n).name);
    ++runs_[n];
    const bool is_first = once ? updated_on_[n].insert(at_.device).second : done_[n].insert(microbatch).second;
    if (!is_first) complain("{} runs twice for one microbatch", graph_.node(n).name);
  }

  // Outputs share no byte with inputs or each other, but an in-place pair has one address.
  void check_operands_apart(const Instruction& instruction) {
    const Node& node = graph_.node(instruction.node);
    const auto is_pair = [&](std::size_t output, std::size_t input) {
      return std::any_of(node.op->in_place.begin(), node.op->in_place.end(),
                         [&](const InPlace& pair) { return pair.output == output && pair.input == input; });
    };
    for (std::size_t o = 0; o < instruction.outputs.size(); ++o) {
      if (instruction.outputs[o] == kNone<BufferId>) continue;
      const Buffer& written = buffer(instruction.outputs[o]);
      for (std::size_t i = 0; i < instruction.inputs.size(); ++i) {
        if (instruction.inputs[i] == kNone<BufferId>) continue;
        const Buffer& operand = buffer(instruction.inputs[i]);
        const bool same = written.offset_bytes == operand.offset_bytes;
        if (is_pair(o, i) ? !same : overlap(written, operand)) {
          complain("output {} and input {} of {} {}", o, i, node.name,
                   same ? "overlap" : "are not where they should be");
        }
      }
      for (std::size_t other = 0; other < o; ++other) {
        if (instruction.outputs[other] != kNone<BufferId> && overlap(written, buffer(instruction.outputs[other]))) {
          complain("outputs {} and {} of {} overlap", other, o, node.name);
        }
      }
    }
  }

  void copy(const Instruction& instruction) {
    const std::optional<Value> value = arenas_[at_.device].value_in(buffer(instruction.inputs.front()));
    if (!value) return complain("copies bytes that were never written");
    if (overlap(buffer(instruction.inputs.front()), buffer(instruction.outputs.front()))) {
      complain("copies within overlapping buffers");
    }
    write(instruction.outputs.front(), *value, instruction.tensor);
  }

  void accumulate(const Instruction& instruction) {
    const TensorId t = instruction.tensor;
    if (!training_.is_accumulated(t)) return complain("{} is not accumulated", graph_.tensor(t).name);
    if (names_.is_added_in_turn(t)) return add_in_turn(instruction);
    if (instruction.microbatch < 0) return add_replica(instruction);
    const std::int32_t replicas = names_.replicas_of(t);
    const std::int32_t replica = instruction.microbatch % replicas;
    const std::int32_t before = instruction.microbatch / replicas;
    if (before == 0) return complain("adds the first microbatch of a replica to what there is");
    read(instruction.inputs.front(), names_.made(t, instruction.microbatch), t);
    read(instruction.outputs.front(), names_.sum(t, replica, before), t);  // those before it, in order
    write(instruction.outputs.front(), names_.sum(t, replica, before + 1), t);
  }

  // The next microbatch to those before it, whichever replica has it; or the next one of each, which a collective has
  // added up.
  void add_in_turn(const Instruction& instruction) {
    const TensorId t = instruction.tensor;
    const std::int32_t next = instruction.microbatch;
    if (next < 1) return complain("adds to {} what is no microbatch after the first", graph_.tensor(t).name);
    const Value of_turn = names_.sum_of_turn(t, next);
    const bool is_turn = arenas_[at_.device].value_in(buffer(instruction.inputs.front())) == of_turn;
    read(instruction.inputs.front(), is_turn ? of_turn : names_.made(t, next), t);
    read(instruction.outputs.front(), names_.sum_in_turn(t, next), t);
    write(instruction.outputs.front(), names_.sum_in_turn(t, next + (is_turn ? names_.replicas_of(t) : 1)), t);
  }

  // The next replica's sum to those of the replicas before it.
  void add_replica(const Instruction& instruction) {
    const TensorId t = instruction.tensor;
    const std::optional<Value> found = arenas_[at_.device].value_in(buffer(instruction.outputs.front()));
    std::int32_t next = 1;
    while (next < names_.replicas_of(t) && found != names_.sum_of_replicas(t, next)) ++next;
    if (next >= names_.replicas_of(t))
      return complain("adds to {} what is no replica's next sum", graph_.tensor(t).name);
    read(instruction.outputs.front(), *found, t);
    read(instruction.inputs.front(), names_.sum_of_replica(t, next), t);
    write(instruction.outputs.front(), names_.sum_of_replicas(t, next + 1), t);
  }

  void send(const Instruction& instruction) {
    const Message& message = program_.messages[static_cast<std::size_t>(instruction.message)];
    MessageState& state = messages_[static_cast<std::size_t>(instruction.message)];
    if (state.sent) complain("message {} is sent twice", instruction.message);
    if (message.from != at_.device) complain("message {} is not this device's to send", instruction.message);
    Buffer sent = buffer(instruction.inputs.front());  // all parts, as one piece
    sent.size_bytes =
        buffer(instruction.inputs.back()).offset_bytes - sent.offset_bytes + size_of_tensor(parts_of(message).back());
    if (message.size_bytes != sent.size_bytes) complain("message {} has a wrong size", instruction.message);
    state.sent = true;
    for (std::size_t i = 0; i < instruction.inputs.size(); ++i) {
      state.values.push_back(value_to_send(instruction.inputs[i], parts_of(message)[i], message.microbatch));
    }
    arenas_[at_.device].lend(sent, instruction.message);
    links_[{message.from, message.to}].push_back(instruction.message);
  }

  void receive(const Instruction& instruction) {
    const Message& message = program_.messages[static_cast<std::size_t>(instruction.message)];
    MessageState& state = messages_[static_cast<std::size_t>(instruction.message)];
    if (message.to != at_.device) complain("message {} is for another device", instruction.message);
    if (!state.sent || state.received) return complain("message {} is not on its way", instruction.message);
    state.received = true;
    std::deque<std::int32_t>& link = links_[{message.from, message.to}];
    if (link.front() != instruction.message)
      complain("message {} overtakes message {}", instruction.message, link.front());
    std::erase(link, instruction.message);
    for (std::size_t i = 0; i < instruction.outputs.size(); ++i) {
      write(instruction.outputs[i], state.values[i], parts_of(message)[i]);
    }
    const Buffer& last = buffer(instruction.outputs.back());
    if (last.offset_bytes + last.size_bytes - buffer(instruction.outputs.front()).offset_bytes != message.size_bytes) {
      complain("message {} does not fit its parts", instruction.message);
    }
  }

  [[nodiscard]] static std::vector<TensorId> parts_of(const Message& message) {
    std::vector<TensorId> parts = {message.tensor};
    parts.insert(parts.end(), message.others.begin(), message.others.end());
    return parts;
  }

  // What is sent once a step is whatever sum is there, if it is one: who reads it knows which it must be.
  Value value_to_send(BufferId from, TensorId tensor, std::int32_t microbatch) {
    const std::optional<Value> found = value_of(arenas_[at_.device], buffer(from), tensor, training_);
    if (found && names_.may_be_sent(*found, tensor, microbatch)) {
      read(from, *found, tensor);
      return *found;
    }
    const Value expected = names_.expected(tensor, microbatch);
    read(from, expected, tensor);
    return expected;
  }

  void wait_send(const Instruction& instruction) {
    MessageState& state = messages_[static_cast<std::size_t>(instruction.message)];
    if (program_.messages[static_cast<std::size_t>(instruction.message)].from != at_.device) {
      complain("message {} was sent by another device", instruction.message);
    }
    if (!state.received) complain("message {} is waited for before its receive: a deadlock", instruction.message);
    if (state.waited) complain("message {} is waited for twice", instruction.message);
    state.waited = true;
    arenas_[at_.device].release(instruction.message);
  }

  void fetch_loss(const Instruction& instruction) {
    if (instruction.microbatch < 0 && instruction.tensor == training_.gradient_norm) {
      ++norms_;
      return read(instruction.inputs.front(), names_.made(instruction.tensor, instruction.microbatch),
                  instruction.tensor);
    }
    const auto tensor = std::find(fetched_.begin(), fetched_.end(), instruction.tensor);
    if (tensor == fetched_.end()) return complain("fetches what is neither the loss nor asked for");
    read(instruction.inputs.front(), names_.made(instruction.tensor, instruction.microbatch), instruction.tensor);
    ++times_fetched_[static_cast<std::size_t>(instruction.microbatch)]
                    [static_cast<std::size_t>(tensor - fetched_.begin())];
  }

  void check_end() {
    for (const NodeId n : ids<NodeId>(runs_.size())) {
      const bool once = training_.phase[n] == Phase::kUpdate;
      const bool runs = !graph_.node(n).op->is_view && !cuts_up(training_, n);
      const std::int32_t wanted = !runs ? 0 : once ? updates_wanted(n) : program_.microbatches;
      if (runs_[n] != wanted) {
        issues_.push_back(fmt::format("{} runs {} times, not {}", graph_.node(n).name, runs_[n], wanted));
      }
    }
    for (std::size_t m = 0; m < messages_.size(); ++m) {
      if (!messages_[m].sent) issues_.push_back(fmt::format("message {} is never sent", m));
      if (!messages_[m].received) issues_.push_back(fmt::format("message {} is never received", m));
      if (!messages_[m].waited) issues_.push_back(fmt::format("message {} is never waited for", m));
    }
    for (std::string& issue : collectives_.at_end()) issues_.push_back(std::move(issue));
    for (std::size_t m = 0; m < times_fetched_.size(); ++m) {
      for (std::size_t t = 0; t < fetched_.size(); ++t) {
        if (times_fetched_[m][t] == 1) continue;
        const std::string& name = graph_.tensor(fetched_[t]).name;
        issues_.push_back(fmt::format("{} of mb{} is fetched {} times", name, m, times_fetched_[m][t]));
      }
    }
    if (norms_ != (training_.gradient_norm == kNone<TensorId> ? 0 : 1)) {
      issues_.push_back(fmt::format("the gradient norm is fetched {} times", norms_));
    }
    for (const DeviceId d : ids<DeviceId>(program_.devices.size())) check_parameters_kept(d);
  }

  // Without ZeRO each member of a group updates its parameters; sums on the way to an update are made once.
  [[nodiscard]] std::int32_t updates_wanted(NodeId n) const {
    const bool is_update = std::any_of(training_.trained.begin(), training_.trained.end(),
                                       [&](const TrainedParameter& trained) { return trained.update == n; });
    if (!is_update || program_.zero > 0) return 1;
    return replication_.size(program_.placement[training_.placed_with[n]]);
  }

  void check_parameters_kept(DeviceId d) {
    for (const Buffer& buffer : program_.devices[d].buffers) {
      if (buffer.role != BufferRole::kParameter) continue;
      const Value expected = names_.parameter(buffer.tensor, names_.updates_of(buffer.tensor, d));
      if (arenas_[d].value_in(buffer) == expected) continue;
      issues_.push_back(fmt::format("device {} does not end the step with {}", index(d), names_.text(expected)));
    }
  }

  const Program& program_;
  const TrainingGraph& training_;
  const Graph& graph_;
  ValueNames names_;
  Replication replication_;
  std::vector<std::string>& issues_;
  IdVector<DeviceId, CheckedArena> arenas_;
  std::vector<MessageState> messages_;
  CheckedCollectives collectives_;
  std::map<std::pair<DeviceId, DeviceId>, std::deque<std::int32_t>> links_;  // sent and not yet received
  IdVector<NodeId, std::int32_t> runs_;
  IdVector<NodeId, std::set<std::int32_t>> done_;  // microbatches
  IdVector<NodeId, std::set<DeviceId>> updated_on_;
  std::vector<TensorId> fetched_;                         // the loss among them
  std::vector<std::vector<std::int32_t>> times_fetched_;  // by microbatch, beside fetched_
  std::int32_t norms_ = 0;
  Program::Step at_;
};

}  // namespace

std::vector<std::string> check_program(const Program& program) {
  std::vector<std::string> issues = check_layout(program);
  if (issues.empty()) Replay(program, issues).run();
  return issues;
}

}  // namespace mp
