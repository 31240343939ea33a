#include "lib/program/instruction_times.hpp"

#include <algorithm>

#include "lib/costs/costs.hpp"

namespace mp {

InstructionTimes::InstructionTimes(const Graph& graph, const Cluster& cluster)
    : graph_(graph), cluster_(cluster), types_(cluster.types.size()) {
  depends_on_active_ = std::any_of(cluster.types.begin(), cluster.types.end(), [](const DeviceType& type) {
    return type.measured != nullptr && type.measured->devices > 1;
  });
}

template <class Id>
double InstructionTimes::look_up(IdVector<Id, Time>& times, std::size_t size, Id id, const DeviceType& type,
                                 double (*seconds)(const Graph&, Id, const DeviceType&, std::int32_t),
                                 std::int32_t active) {
  if (times.empty()) times.assign(size, Time{});
  Time& time = times[id];
  if (time.alone_s < 0.0) {
    time.alone_s = seconds(graph_, id, type, 1);
    if (depends_on_active_) time.more_s = seconds(graph_, id, type, 2) - time.alone_s;
  }
  return time.alone_s + time.more_s * (active - 1);
}

double InstructionTimes::operator()(DeviceId device, const Instruction& instruction, std::int32_t active) {
  const DeviceType& type = cluster_.type_of(device);
  TypeTimes& times = types_[static_cast<std::size_t>(cluster_.devices[device].type)];
  const std::size_t tensors = graph_.tensors().size();
  switch (instruction.opcode) {
    case Opcode::kCompute:
      return look_up(times.nodes, graph_.nodes().size(), instruction.node, type, node_seconds, active);
    case Opcode::kFeed:
      return look_up(times.feeds, tensors, instruction.tensor, type, feed_seconds, active);
    case Opcode::kCopy:
      return look_up(times.copies, tensors, instruction.tensor, type, copy_seconds, active);
    case Opcode::kAccumulate:
      return look_up(times.accumulations, tensors, instruction.tensor, type, accumulate_seconds, active);
    case Opcode::kSend:
    case Opcode::kWaitSend:
    case Opcode::kReceive:
    case Opcode::kStartCollective:
    case Opcode::kFinishCollective:
    case Opcode::kFetchLoss:
      break;
  }
  return 0.0;
}

}  // namespace mp
