#include "lib/program/check_layout.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <set>
#include <utility>

#include "lib/operators/operator.hpp"
#include "lib/program/check_arena.hpp"
#include "lib/program/collective_pieces.hpp"
#include "lib/program/replication.hpp"

namespace mp {
namespace {

class LayoutCheck {
 public:
  explicit LayoutCheck(const Program& program)
      : program_(program),
        graph_(program.training.graph),
        replication_(program.replicas, static_cast<std::int32_t>(program.devices.size())) {}

  std::vector<std::string> run() && {
    if (program_.microbatches != program_.training.microbatches)
      issues_.push_back("the number of microbatches differs");
    for (const DeviceId d : ids<DeviceId>(program_.devices.size())) {
      check_buffers(d);
      check_instructions(d);
    }
    check_homes();
    check_accumulators();
    check_order();
    return std::move(issues_);
  }

 private:
  void check_buffers(DeviceId d) {
    const DeviceProgram& device = program_.devices[d];
    std::int64_t end = device.persistent_bytes;
    std::vector<const Buffer*> parameters;
    for (const Buffer& buffer : device.buffers) {
      if (buffer.role == BufferRole::kWhole) {
        check_whole(d, buffer);
        continue;
      }
      const bool is_parameter = buffer.role == BufferRole::kParameter;
      const std::int64_t buffer_end = buffer.offset_bytes + buffer.size_bytes;
      const bool inside = is_parameter
                              ? buffer.offset_bytes >= 0 && buffer_end <= device.persistent_bytes
                              : buffer.offset_bytes >= device.persistent_bytes && buffer_end <= device.arena_bytes;
      if (!inside || buffer.size_bytes < 0) complain(d, "a buffer is outside its part of the arena");
      if (buffer.offset_bytes % kBufferAlignment != 0) complain(d, "a buffer is not aligned");
      end = std::max(end, buffer.offset_bytes + std::max<std::int64_t>(buffer.size_bytes, 1));
      if (is_parameter) parameters.push_back(&buffer);
    }
    if (device.arena_bytes - end >= kBufferAlignment) complain(d, "the arena is larger than its buffers need");
    std::sort(parameters.begin(), parameters.end(),
              [](const Buffer* a, const Buffer* b) { return a->offset_bytes < b->offset_bytes; });
    for (std::size_t i = 1; i < parameters.size(); ++i) {
      if (overlap(*parameters[i - 1], *parameters[i])) complain(d, "two parameters overlap");
    }
  }

  // Over its shares, which leave no gap.
  void check_whole(DeviceId d, const Buffer& whole) {
    const IdVector<BufferId, Buffer>& buffers = program_.devices[d].buffers;
    const auto shared = program_.training.shares.find(whole.tensor);
    bool is_right = shared != program_.training.shares.end();
    std::int64_t end = whole.offset_bytes;
    for (std::size_t i = 0; is_right && i < shared->second.size(); ++i) {
      const auto b = make_id<BufferId>(index(whole.first_share) + i);
      is_right = buffers.contains(b) && buffers[b].tensor == shared->second[i] && buffers[b].offset_bytes == end;
      if (is_right) end += buffers[b].size_bytes;
    }
    if (!is_right || end != whole.offset_bytes + whole.size_bytes) complain(d, "a whole is not where its shares are");
  }

  // A parameter is kept in the group of its home: by each member, or by one where ZeRO says so.
  void check_homes() {
    IdVector<TensorId, std::int32_t> kept(graph_.tensors().size(), 0);
    for (const DeviceId d : ids<DeviceId>(program_.devices.size())) {
      std::set<TensorId> here;
      for (const Buffer& buffer : program_.devices[d].buffers) {
        if (buffer.role != BufferRole::kParameter || !kept.contains(buffer.tensor)) continue;
        ++kept[buffer.tensor];
        if (!here.insert(buffer.tensor).second) complain(d, "keeps a parameter twice");
        if (replication_.leader(d) != leader_of(buffer.tensor)) complain(d, "keeps a parameter of another device");
      }
    }
    const IdVector<TensorId, bool> alone = kept_by_one();
    for (const GraphParameter& parameter : graph_.parameters()) {
      if (program_.training.shares.contains(parameter.tensor) && kept[parameter.tensor] == 0) continue;  // they are
      const std::int32_t wanted = alone[parameter.tensor] ? 1 : replication_.size(leader_of(parameter.tensor));
      if (kept[parameter.tensor] == wanted) continue;
      issues_.push_back(
          fmt::format("{} is kept {} times", graph_.tensor(parameter.tensor).name, kept[parameter.tensor]));
    }
  }

  // From level 2 of ZeRO on one device adds up a gradient of replicas; before, each of them has a sum of its own.
  void check_accumulators() {
    IdVector<TensorId, std::int32_t> kept(graph_.tensors().size(), 0);
    for (const DeviceProgram& device : program_.devices) {
      for (const Buffer& buffer : device.buffers) {
        if (buffer.role == BufferRole::kGradient && kept.contains(buffer.tensor)) ++kept[buffer.tensor];
      }
    }
    for (const TensorId t : ids<TensorId>(kept.size())) {
      if (!program_.training.is_accumulated(t)) continue;
      const DeviceId leader = program_.placement[program_.training.placed_with[graph_.tensor(t).producer]];
      if (kept[t] == (program_.zero >= 2 ? 1 : replication_.size(leader))) continue;
      issues_.push_back(fmt::format("{} is added up in {} places", graph_.tensor(t).name, kept[t]));
    }
  }

  [[nodiscard]] DeviceId leader_of(TensorId parameter) const {
    const NodeId home = program_.training.home[parameter];
    return home == kNone<NodeId> ? replication_.leader(DeviceId{0}) : program_.placement[home];
  }

  // Optimizer state from level 1 of ZeRO on; from level 3 on what the passes do not update.
  [[nodiscard]] IdVector<TensorId, bool> kept_by_one() const {
    IdVector<TensorId, bool> alone(graph_.tensors().size(), program_.zero >= 3);
    for (const NodeId n : ids<NodeId>(graph_.nodes().size())) {
      const Node& node = graph_.node(n);
      if (program_.training.phase[n] == Phase::kUpdate) continue;
      for (const InPlace& pair : node.op->in_place) {
        const bool updates = pair.output < node.outputs.size() && node.outputs[pair.output] != kNone<TensorId>;
        if (updates && node.inputs[pair.input] != kNone<TensorId>) alone[node.inputs[pair.input]] = false;
      }
    }
    for (const TrainedParameter& trained : program_.training.trained) {
      for (const TensorId state : trained.state) alone[state] = program_.zero >= 1;
    }
    return alone;
  }

  void check_instructions(DeviceId d) {
    for (const Instruction& instruction : program_.devices[d].instructions) {
      if (!has_right_operands(d, instruction))
        complain(d, "an instruction lacks an operand, or names what is not there");
    }
  }

  [[nodiscard]] bool has_right_operands(DeviceId d, const Instruction& instruction) const {
    const bool message_known =
        instruction.message >= 0 && instruction.message < static_cast<std::int32_t>(program_.messages.size());
    if (instruction.microbatch < -1 || instruction.microbatch >= program_.microbatches) return false;
    if (instruction.opcode == Opcode::kCompute) {
      if (!graph_.nodes().contains(instruction.node)) return false;
      const Node& node = graph_.node(instruction.node);
      return beside(d, instruction.inputs, node.inputs) && beside(d, instruction.outputs, node.outputs);
    }
    if (!graph_.tensors().contains(instruction.tensor)) return false;
    switch (instruction.opcode) {
      case Opcode::kFeed:
        return are_buffers(d, instruction.inputs, 0) && are_buffers(d, instruction.outputs, 1) &&
               instruction.microbatch >= 0;
      case Opcode::kCopy:
        return are_buffers(d, instruction.inputs, 1) && are_buffers(d, instruction.outputs, 1);
      case Opcode::kAccumulate:
        return are_buffers(d, instruction.inputs, 1) && are_buffers(d, instruction.outputs, 1) &&
               instruction.microbatch != 0;
      case Opcode::kSend:
        return message_known && are_buffers(d, instruction.inputs, parts(instruction)) &&
               are_buffers(d, instruction.outputs, 0) && lie_as_one(d, instruction.inputs);
      case Opcode::kWaitSend:
        return are_buffers(d, instruction.inputs, 0) && are_buffers(d, instruction.outputs, 0) && message_known;
      case Opcode::kReceive:
        return message_known && are_buffers(d, instruction.inputs, 0) &&
               are_buffers(d, instruction.outputs, parts(instruction)) && lie_as_one(d, instruction.outputs);
      case Opcode::kStartCollective:
      case Opcode::kFinishCollective:
        return is_part_of_collective(d, instruction);
      case Opcode::kFetchLoss:
        return are_buffers(d, instruction.inputs, 1) && are_buffers(d, instruction.outputs, 0) &&
               (instruction.microbatch >= 0 || instruction.tensor == program_.training.gradient_norm);
      case Opcode::kCompute:
        break;
    }
    return true;
  }

  // Who gives has a buffer for each tensor, and who gets, too; those of a piece side by side.
  [[nodiscard]] bool is_part_of_collective(DeviceId d, const Instruction& instruction) const {
    const bool is_known =
        instruction.collective >= 0 && instruction.collective < static_cast<std::int32_t>(program_.collectives.size());
    if (!is_known) return false;
    const Collective& collective = program_.collectives[static_cast<std::size_t>(instruction.collective)];
    const auto place = std::find(collective.members.begin(), collective.members.end(), d);
    if (place == collective.members.end() || !has_right_pieces(collective)) return false;
    const auto position = static_cast<std::int32_t>(place - collective.members.begin());
    if (instruction.microbatch != (collective.microbatch < 0 ? -1 : collective.microbatch + position)) return false;
    return are_pieces(d, instruction.inputs, inputs_of(collective, d)) &&
           are_pieces(d, instruction.outputs, outputs_of(collective, d));
  }

  // All tensors are in one piece, whose root is a member.
  [[nodiscard]] static bool has_right_pieces(const Collective& collective) {
    const std::vector<CollectivePiece> pieces = pieces_of(collective);
    std::size_t tensors = 0;
    for (const CollectivePiece& piece : pieces) {
      const auto& members = collective.members;
      const bool has_root = std::find(members.begin(), members.end(), piece.root) != members.end();
      if (piece.tensors < 1 || (!has_root && collective.kind != CollectiveKind::kAllReduce)) return false;
      tensors += static_cast<std::size_t>(piece.tensors);
    }
    return tensors == collective.tensors.size() && (collective.microbatch < 0 || is_sum(collective.kind));
  }

  [[nodiscard]] bool are_pieces(DeviceId d, const std::vector<BufferId>& operands,
                                const std::vector<PieceOperand>& pieces) const {
    const std::size_t count = pieces.empty() ? 0 : pieces.back().first + pieces.back().tensors;
    return are_buffers(d, operands, count) && std::all_of(pieces.begin(), pieces.end(), [&](const PieceOperand& piece) {
             const auto first = operands.begin() + static_cast<std::ptrdiff_t>(piece.first);
             return lie_as_one(d, {first, first + static_cast<std::ptrdiff_t>(piece.tensors)});
           });
  }

  [[nodiscard]] bool are_buffers(DeviceId d, const std::vector<BufferId>& operands, std::size_t count) const {
    return operands.size() == count && std::all_of(operands.begin(), operands.end(),
                                                   [&](BufferId b) { return program_.devices[d].buffers.contains(b); });
  }

  [[nodiscard]] std::size_t parts(const Instruction& instruction) const {
    return 1 + program_.messages[static_cast<std::size_t>(instruction.message)].others.size();
  }

  // The parts of a bucket are one piece of memory.
  [[nodiscard]] bool lie_as_one(DeviceId d, const std::vector<BufferId>& buffers) const {
    for (std::size_t i = 1; i < buffers.size(); ++i) {
      const Buffer& before = program_.devices[d].buffers[buffers[i - 1]];
      const std::int64_t end = before.offset_bytes + std::max<std::int64_t>(before.size_bytes, 1);
      const std::int64_t gap = program_.devices[d].buffers[buffers[i]].offset_bytes - end;
      if (gap < 0 || gap >= kBufferAlignment) return false;
    }
    return true;
  }

  [[nodiscard]] bool beside(DeviceId d, const std::vector<BufferId>& operands,
                            const std::vector<TensorId>& tensors) const {
    if (operands.size() != tensors.size()) return false;
    for (std::size_t i = 0; i < tensors.size(); ++i) {
      const bool present = program_.devices[d].buffers.contains(operands[i]);
      if (tensors[i] == kNone<TensorId> ? operands[i] != kNone<BufferId> : !present) return false;
    }
    return true;
  }

  void check_order() {
    IdVector<DeviceId, std::int32_t> next(program_.devices.size(), 0);
    for (const Program::Step& step : program_.order) {
      if (!next.contains(step.device) || next[step.device]++ != step.instruction) {
        issues_.push_back("the global order does not follow the order of a device");
        return;
      }
    }
    for (const DeviceId d : ids<DeviceId>(next.size())) {
      if (static_cast<std::size_t>(next[d]) != program_.devices[d].instructions.size()) {
        complain(d, "the global order misses instructions");
      }
    }
  }

  void complain(DeviceId d, const char* what) { issues_.push_back(fmt::format("device {}: {}", index(d), what)); }

  const Program& program_;
  const Graph& graph_;
  Replication replication_;
  std::vector<std::string> issues_;
};

}  // namespace

std::vector<std::string> check_layout(const Program& program) { return LayoutCheck(program).run(); }

}  // namespace mp
