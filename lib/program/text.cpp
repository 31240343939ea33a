#include <fmt/core.h>
#include <fmt/format.h>

#include <iterator>
#include <string>
#include <string_view>

#include "lib/program/collective_pieces.hpp"
#include "lib/program/program.hpp"

namespace mp {
namespace {

std::string_view phase_letter(Phase phase) {
  switch (phase) {
    case Phase::kForward:
      return "F";
    case Phase::kBackward:
      return "B";
    case Phase::kUpdate:
      return "U";
  }
  return "";
}

// Of a bucket: how many tensors travel with the first.
std::string others(std::size_t further) { return further == 0 ? "" : fmt::format(" + {}", further); }

// "all-reduce fc1.weight.grad + 3", "reduce fc1.weight.grad -> device 2", "reduce-scatter fc1.weight.grad + 3 mb1".
std::string text_of(const Collective& collective, const std::string& tensors) {
  std::string text = fmt::format("{} {}", name_of(collective.kind), tensors);
  if (collective.kind == CollectiveKind::kReduce) return text + fmt::format(" -> device {}", index(collective.root));
  if (collective.kind == CollectiveKind::kBroadcast) return text + fmt::format(" <- device {}", index(collective.root));
  return text;
}

std::string line(const Program& program, const Instruction& instruction) {
  const Graph& graph = program.training.graph;
  std::string what;
  if (instruction.opcode == Opcode::kCompute) {
    what = graph.node(instruction.node).name;
  } else {
    what = graph.tensor(instruction.tensor).name;
  }
  if (instruction.message >= 0) {
    what += others(program.messages[static_cast<std::size_t>(instruction.message)].others.size());
  }
  if (instruction.collective >= 0) {
    what += others(program.collectives[static_cast<std::size_t>(instruction.collective)].tensors.size() - 1);
  }
  if (instruction.microbatch >= 0) what += fmt::format(" mb{}", instruction.microbatch);
  const auto collective = [&] {
    return text_of(program.collectives[static_cast<std::size_t>(instruction.collective)], what);
  };
  const auto peer = [&](DeviceId Message::*end) {
    return index(program.messages[static_cast<std::size_t>(instruction.message)].*end);
  };
  switch (instruction.opcode) {
    case Opcode::kFeed:
      return "FEED " + what;
    case Opcode::kCompute:
      return fmt::format("{} {}", phase_letter(program.training.phase[instruction.node]), what);
    case Opcode::kCopy:
      return "COPY " + what;
    case Opcode::kAccumulate:
      return "ADD " + what;
    case Opcode::kSend:
      return fmt::format("SEND {} -> device {}", what, peer(&Message::to));
    case Opcode::kWaitSend:
      return fmt::format("WAIT {} -> device {}", what, peer(&Message::to));
    case Opcode::kReceive:
      return fmt::format("RECEIVE {} <- device {}", what, peer(&Message::from));
    case Opcode::kStartCollective:
      return "START " + collective();
    case Opcode::kFinishCollective:
      return "FINISH " + collective();
    case Opcode::kFetchLoss:
      return (instruction.tensor == graph.loss() ? "LOSS " : "FETCH ") + what;
  }
  return what;
}

}  // namespace

std::string to_text(const Program& program, DeviceId device) {
  std::string text;
  for (const Instruction& instruction : program.devices[device].instructions) text += line(program, instruction) + '\n';
  return text;
}

}  // namespace mp
