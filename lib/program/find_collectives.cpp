#include "lib/program/find_collectives.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <tuple>

#include "lib/program/check_arena.hpp"
#include "lib/program/replication.hpp"

namespace mp {
namespace {

using Tensors = std::vector<TensorId>;
using Buffers = std::vector<BufferId>;
using Part = CollectiveMatch::Part;

Tensors tensors_of(const Message& message) {
  Tensors tensors = {message.tensor};
  tensors.insert(tensors.end(), message.others.begin(), message.others.end());
  return tensors;
}

// Positions in the lists of the sender and the receiver.
struct Ends {
  std::int32_t send = -1;
  std::int32_t wait = -1;
  std::int32_t receive = -1;
};

class Finder {
 public:
  explicit Finder(const Program& program)
      : program_(program),
        replication_(program.replicas, static_cast<std::int32_t>(program.devices.size())),
        places_(program.devices.size()),
        ends_(program.messages.size()) {
    for (const DeviceId d : ids<DeviceId>(program.devices.size())) read_list(d);
    for (std::size_t i = 0; i < program.order.size(); ++i) places_[program.order[i].device].push_back(i);
  }

  std::vector<CollectiveMatch> run() && {
    // Messages once a step by where they go and what they bring, and by where they come from.
    std::map<std::pair<DeviceId, Tensors>, std::vector<std::int32_t>> to;
    std::map<std::tuple<DeviceId, Tensors, Buffers>, std::vector<std::int32_t>> from;
    for (std::size_t m = 0; m < ends_.size(); ++m) {
      const Message& message = program_.messages[m];
      if (message.microbatch >= 0) continue;
      const auto id = static_cast<std::int32_t>(m);
      to[{message.to, tensors_of(message)}].push_back(id);
      from[{message.from, tensors_of(message), sent(id).inputs}].push_back(id);
    }
    for (const auto& [key, messages] : to) find_sum(key.first, key.second, messages, from);
    for (const auto& [key, messages] : from) find_new_values(std::get<0>(key), std::get<1>(key), messages);
    return std::move(found_);
  }

 private:
  using BySource = std::map<std::tuple<DeviceId, Tensors, Buffers>, std::vector<std::int32_t>>;

  void read_list(DeviceId d) {
    const std::vector<Instruction>& list = program_.devices[d].instructions;
    for (std::size_t i = 0; i < list.size(); ++i) {
      const auto position = static_cast<std::int32_t>(i);
      if (list[i].opcode == Opcode::kAccumulate && list[i].microbatch < 0)
        adds_[{d, list[i].tensor}].push_back(position);
      if (list[i].message < 0) continue;
      Ends& ends = ends_[static_cast<std::size_t>(list[i].message)];
      if (list[i].opcode == Opcode::kSend) ends.send = position;
      if (list[i].opcode == Opcode::kWaitSend) ends.wait = position;
      if (list[i].opcode == Opcode::kReceive) ends.receive = position;
    }
  }

  [[nodiscard]] const Message& message(std::int32_t m) const { return program_.messages[static_cast<std::size_t>(m)]; }
  [[nodiscard]] const Ends& ends(std::int32_t m) const { return ends_[static_cast<std::size_t>(m)]; }
  [[nodiscard]] const Instruction& at(DeviceId d, std::int32_t position) const {
    return program_.devices[d].instructions[static_cast<std::size_t>(position)];
  }
  [[nodiscard]] const Instruction& sent(std::int32_t m) const { return at(message(m).from, ends(m).send); }
  [[nodiscard]] const Instruction& received(std::int32_t m) const { return at(message(m).to, ends(m).receive); }
  [[nodiscard]] std::int32_t list_end(DeviceId d) const {
    return static_cast<std::int32_t>(program_.devices[d].instructions.size());
  }

  [[nodiscard]] bool touches(DeviceId d, std::int32_t position, const Buffers& buffers) const {
    const IdVector<BufferId, Buffer>& all = program_.devices[d].buffers;
    const Instruction& instruction = at(d, position);
    const auto shares = [&](BufferId operand) {
      return operand != kNone<BufferId> &&
             std::any_of(buffers.begin(), buffers.end(), [&](BufferId b) { return overlap(all[operand], all[b]); });
    };
    if (instruction.opcode == Opcode::kWaitSend) {  // names no buffer, but has the message's
      const Buffers& lent = sent(instruction.message).inputs;
      return std::any_of(lent.begin(), lent.end(), shares);
    }
    return std::any_of(instruction.inputs.begin(), instruction.inputs.end(), shares) ||
           std::any_of(instruction.outputs.begin(), instruction.outputs.end(), shares);
  }

  // Behind the last instruction before `position` that has to do with the buffers.
  [[nodiscard]] std::int32_t free_from(DeviceId d, const Buffers& buffers, std::int32_t position) const {
    while (position > 0 && !touches(d, position - 1, buffers)) --position;
    return position;
  }
  // The first from `position` on that has, of those that stay.
  [[nodiscard]] std::int32_t needed_at(DeviceId d, const Buffers& buffers, std::int32_t position,
                                       const CollectiveMatch& match) const {
    const auto stays = [&](std::int32_t p) {
      return std::find(match.removed.begin(), match.removed.end(), Program::Step{d, p}) == match.removed.end();
    };
    while (position < list_end(d) && !(touches(d, position, buffers) && stays(position))) ++position;
    return position;
  }

  // Whether the members but `own` are the ends of these messages, each of one.
  [[nodiscard]] bool are_all_others(const std::vector<DeviceId>& members, DeviceId own,
                                    const std::vector<std::int32_t>& messages, DeviceId Message::*end) const {
    if (messages.size() + 1 != members.size()) return false;
    return std::all_of(members.begin(), members.end(), [&](DeviceId d) {
      const auto count =
          std::count_if(messages.begin(), messages.end(), [&](std::int32_t m) { return message(m).*end == d; });
      return count == (d == own ? 0 : 1);
    });
  }

  void remove_message(std::int32_t m, CollectiveMatch& match) const {
    match.removed.push_back({message(m).from, ends(m).send});
    match.removed.push_back({message(m).from, ends(m).wait});
    match.removed.push_back({message(m).to, ends(m).receive});
  }

  // The members of the group that makes all these gradients; none where they are no sums of float32 made by one group.
  [[nodiscard]] std::vector<DeviceId> members_behind(const Tensors& tensors) const {
    const TrainingGraph& training = program_.training;
    std::set<DeviceId> leaders;
    for (const TensorId t : tensors) {
      if (!training.is_accumulated(t) || training.graph.tensor(t).type.type != DataType::kFloat32) return {};
      leaders.insert(program_.placement[training.placed_with[training.graph.tensor(t).producer]]);
    }
    return leaders.size() == 1 ? replication_.members(*leaders.begin()) : std::vector<DeviceId>{};
  }

  // Where the root's own sums are, and where the sums of all are made; none where they are not made there in one chain.
  struct Sums {
    Buffers own;
    Buffers total;
    std::vector<std::int32_t> adds;
  };
  [[nodiscard]] std::optional<Sums> sums_at(DeviceId root, const Tensors& tensors,
                                            const std::vector<std::int32_t>& messages) const {
    Sums sums;
    for (std::size_t i = 0; i < tensors.size(); ++i) {
      const auto adds = adds_.find({root, tensors[i]});
      if (adds == adds_.end() || adds->second.size() != messages.size()) return std::nullopt;
      std::set<BufferId> operands;
      for (const std::int32_t position : adds->second) {
        operands.insert(at(root, position).inputs.front());
        operands.insert(at(root, position).outputs.front());
        if (at(root, position).outputs != at(root, adds->second.front()).outputs) return std::nullopt;
        sums.adds.push_back(position);
      }
      for (const std::int32_t m : messages) {
        if (operands.erase(received(m).outputs[i]) != 1) return std::nullopt;
      }
      if (operands.size() != 1) return std::nullopt;
      sums.own.push_back(*operands.begin());
      sums.total.push_back(at(root, adds->second.front()).outputs.front());
    }
    return sums;
  }

  // The messages that bring the sums back into the members' own; empty: they do not all get them.
  [[nodiscard]] std::vector<std::int32_t> returned(DeviceId root, const Tensors& tensors, const Sums& sums,
                                                   const std::vector<std::int32_t>& messages,
                                                   const BySource& by_source) const {
    const auto sent_back = by_source.find({root, tensors, sums.total});
    if (sent_back == by_source.end()) return {};
    std::vector<std::int32_t> back;
    for (const std::int32_t out : messages) {
      for (const std::int32_t m : sent_back->second) {
        if (message(m).to == message(out).from && received(m).outputs == sent(out).inputs) back.push_back(m);
      }
    }
    const bool is_behind = std::all_of(back.begin(), back.end(), [&](std::int32_t m) {
      return ends(m).send > *std::max_element(sums.adds.begin(), sums.adds.end());
    });
    return back.size() == messages.size() && is_behind ? back : std::vector<std::int32_t>{};
  }

  void find_sum(DeviceId root, const Tensors& tensors, const std::vector<std::int32_t>& messages,
                const BySource& by_source) {
    const std::vector<DeviceId> members = members_behind(tensors);
    if (!are_all_others(members, root, messages, &Message::from)) return;
    const std::optional<Sums> sums = sums_at(root, tensors, messages);
    if (!sums) return;
    const std::vector<std::int32_t> back = returned(root, tensors, *sums, messages, by_source);
    CollectiveMatch match;
    match.collective = {.kind = back.empty() ? CollectiveKind::kReduce : CollectiveKind::kAllReduce,
                        .tensors = tensors,
                        .members = members,
                        .root = back.empty() ? root : kNone<DeviceId>,
                        .size_bytes = message(messages.front()).size_bytes};
    for (const std::int32_t m : messages) remove_message(m, match);
    for (const std::int32_t m : back) remove_message(m, match);
    for (const std::int32_t position : sums->adds) match.removed.push_back({root, position});
    for (const DeviceId d : members) {
      if (d == root) {
        match.parts.push_back(part_of_root(root, *sums, match));
        continue;
      }
      const auto of = [&](const std::vector<std::int32_t>& all, DeviceId Message::*end) {
        return *std::find_if(all.begin(), all.end(), [&](std::int32_t m) { return message(m).*end == d; });
      };
      const std::int32_t out = of(messages, &Message::from);
      Part part{.device = d, .gives = sent(out).inputs, .start = ends(out).send, .finish = ends(out).wait};
      if (!back.empty()) {
        part.gets = part.gives;
        part.finish = needed_at(d, part.gets, ends(of(back, &Message::to)).receive, match);
      }
      match.parts.push_back(std::move(part));
    }
    taken_.insert(back.begin(), back.end());
    found_.push_back(std::move(match));
  }

  [[nodiscard]] Part part_of_root(DeviceId root, const Sums& sums, const CollectiveMatch& match) const {
    const std::int32_t first = *std::min_element(sums.adds.begin(), sums.adds.end());
    Buffers all = sums.own;
    all.insert(all.end(), sums.total.begin(), sums.total.end());
    Part part{.device = root,
              .gives = sums.own,
              .gets = sums.own,
              .start = free_from(root, sums.own, first),
              .finish = needed_at(root, all, first, match)};
    for (std::size_t i = 0; i < sums.own.size(); ++i) {
      if (sums.own[i] != sums.total[i]) part.copies.emplace_back(sums.own[i], sums.total[i]);
    }
    return part;
  }

  [[nodiscard]] bool are_kept(DeviceId d, const Buffers& buffers) const {
    return std::all_of(buffers.begin(), buffers.end(),
                       [&](BufferId b) { return program_.devices[d].buffers[b].role == BufferRole::kParameter; });
  }
  // New values of parameters, or what an update made on the way to them: not parameters that passes fetch.
  [[nodiscard]] bool is_made_by_updates(std::int32_t m) const {
    const NodeId producer = program_.training.graph.tensor(message(m).tensor).producer;
    if (producer != kNone<NodeId>) return program_.training.phase[producer] == Phase::kUpdate;
    return are_kept(message(m).from, sent(m).inputs) && are_kept(message(m).to, received(m).outputs);
  }

  void find_new_values(DeviceId root, const Tensors& tensors, const std::vector<std::int32_t>& messages) {
    const std::vector<DeviceId>& members = replication_.members(replication_.leader(root));
    if (!are_all_others(members, root, messages, &Message::to)) return;
    const bool are_new_values = std::all_of(
        messages.begin(), messages.end(), [&](std::int32_t m) { return !taken_.contains(m) && is_made_by_updates(m); });
    if (!are_new_values) return;
    CollectiveMatch match;
    match.collective = {.kind = CollectiveKind::kBroadcast,
                        .tensors = tensors,
                        .members = members,
                        .root = root,
                        .size_bytes = message(messages.front()).size_bytes};
    for (const std::int32_t m : messages) remove_message(m, match);
    Part own{.device = root, .gives = sent(messages.front()).inputs, .start = list_end(root), .finish = list_end(root)};
    for (const std::int32_t m : messages) {
      own.start = std::min(own.start, ends(m).send);
      own.finish = std::min(own.finish, ends(m).wait);
    }
    for (const DeviceId d : members) {
      if (d == root) {
        match.parts.push_back(own);
        continue;
      }
      const std::int32_t m = *std::find_if(messages.begin(), messages.end(),
                                           [&](std::int32_t message_id) { return message(message_id).to == d; });
      match.parts.push_back(part_of_receiver(m, own.start, match));
    }
    found_.push_back(std::move(match));
  }

  // Starts as soon as its buffers are free, but not before the root: a GPU that waits is a GPU that does not compute.
  [[nodiscard]] Part part_of_receiver(std::int32_t m, std::int32_t start_of_root, const CollectiveMatch& match) const {
    const DeviceId d = message(m).to;
    Part part{.device = d, .gets = received(m).outputs};
    part.start = free_from(d, part.gets, ends(m).receive);
    part.finish = needed_at(d, part.gets, ends(m).receive, match);
    const auto place = [&](DeviceId device, std::int32_t p) { return places_[device][static_cast<std::size_t>(p)]; };
    while (part.start < ends(m).receive && place(d, part.start) < place(match.collective.root, start_of_root)) {
      ++part.start;
    }
    return part;
  }

  const Program& program_;
  Replication replication_;
  IdVector<DeviceId, std::vector<std::size_t>> places_;  // in Program::order, of each instruction of a list
  std::vector<Ends> ends_;                               // beside the messages
  std::map<std::pair<DeviceId, TensorId>, std::vector<std::int32_t>> adds_;  // of replicas' sums
  std::set<std::int32_t> taken_;                                             // messages that bring sums back
  std::vector<CollectiveMatch> found_;
};

}  // namespace

std::vector<CollectiveMatch> find_collectives(const Program& program) { return Finder(program).run(); }

}  // namespace mp
