#include "runtime/profile/profiler.hpp"

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "lib/base/check.hpp"
#include "lib/costs/costs.hpp"
#include "lib/costs/signature.hpp"
#include "lib/operators/operator.hpp"
#include "runtime/profile/measured_links.hpp"

namespace mp::runtime {
namespace {

Program on_one_device(const TrainingGraph& training) {
  Placement everything_on_0(static_cast<std::size_t>(training.forward_nodes), DeviceId{0});
  return side_by_side(compile(training, std::move(everything_on_0), {.schedule = Schedule::k1f1b, .devices = 1}), 1);
}

std::optional<std::string> signature_of(const Graph& graph, const Instruction& instruction) {
  switch (instruction.opcode) {
    case Opcode::kCompute:
      return signature(graph, instruction.node);
    case Opcode::kFeed:
      return feed_signature(graph, instruction.tensor);
    case Opcode::kCopy:
      return copy_signature(graph, instruction.tensor);
    case Opcode::kAccumulate:
      return accumulate_signature(graph, instruction.tensor);
    case Opcode::kSend:
    case Opcode::kWaitSend:
    case Opcode::kReceive:
    case Opcode::kStartCollective:
    case Opcode::kFinishCollective:
    case Opcode::kFetchLoss:
      break;
  }
  return std::nullopt;
}

// Mean over the instructions of each signature.
std::map<std::string, MeasuredTime, std::less<>> times_of(const Program& program, const MeasuredSteps& alone,
                                                          const MeasuredSteps& crowded) {
  struct Sum {
    MeasuredTime seconds;
    double count = 0.0;
  };
  std::map<std::string, Sum> sums;
  const std::vector<Instruction>& list = program.devices[DeviceId{0}].instructions;
  for (std::size_t i = 0; i < list.size(); ++i) {
    const std::optional<std::string> name = signature_of(program.training.graph, list[i]);
    if (!name) continue;
    const bool is_node = list[i].opcode == Opcode::kCompute;
    const double scale = is_node ? signature_scale(program.training.graph, list[i].node) : 1.0;
    Sum& sum = sums[*name];
    sum.seconds.alone_s += alone.instruction_s[i] / scale;
    sum.seconds.crowded_s += crowded.instruction_s[i] / scale;
    sum.count += 1.0;
  }
  std::map<std::string, MeasuredTime, std::less<>> times;
  for (const auto& [name, sum] : sums) {
    times.emplace(name, MeasuredTime{sum.seconds.alone_s / sum.count, sum.seconds.crowded_s / sum.count});
  }
  return times;
}

DeviceType roofline_of(const Program& program, const MeasuredSteps& alone) {
  const Graph& graph = program.training.graph;
  const std::vector<Instruction>& list = program.devices[DeviceId{0}].instructions;
  std::vector<MeasuredNode> nodes;
  for (std::size_t i = 0; i < list.size(); ++i) {
    if (list[i].opcode != Opcode::kCompute || alone.instruction_s[i] <= 0.0) continue;
    const OperatorCost cost = cost_of(graph, list[i].node);
    nodes.push_back({.work = graph.node(list[i].node).op->work,
                     .flops = cost.flops,
                     .moved_bytes = cost.bytes_read + cost.bytes_written,
                     .seconds = alone.instruction_s[i]});
  }
  return fitted_roofline(nodes, "measured");
}

}  // namespace

Profile profile(const ProfileJob& job, const BackendFactory& alone_backends, const BackendFactory& backends) {
  MP_CHECK(job.data != nullptr && job.devices >= 1);
  const Program program = on_one_device(job.training);
  const MeasuredSteps alone = measure_steps(program, alone_backends, *job.data, job.steps);
  const MeasuredSteps crowded =
      job.devices == 1 ? alone : measure_steps(side_by_side(program, job.devices), backends, *job.data, job.steps);
  Profile result;
  result.measured = {.devices = static_cast<std::int32_t>(job.devices), .times = times_of(program, alone, crowded)};
  result.device = roofline_of(program, alone);
  MeasuredLinks links = measure_links(job.devices, backends);
  result.links = std::move(links.links);
  for (const WakeUp& wake_up : links.wake_ups) add_wake_up(result.measured, wake_up);
  result.transfer_by = TransferBy::kReceiver;  // LocalTransport: the receiver copies out of the sender's arena
  result.step_overhead_s = alone.overhead_s;
  result.step_overhead_crowded_s = crowded.overhead_s;
  return result;
}

}  // namespace mp::runtime
