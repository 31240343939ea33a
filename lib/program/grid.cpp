#include "lib/program/grid.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

#include "lib/program/policy.hpp"
#include "lib/training/weight_gradients.hpp"

namespace mp {
namespace {

// Work of a device without another pass between.
struct Block {
  std::string label;
  double start_s = 0.0;
  double end_s = 0.0;
};

class Labels {
 public:
  explicit Labels(const Program& program) : program_(program), is_apart_(program.training.graph.nodes().size(), false) {
    if (splits_weight_gradients(program.schedule)) is_apart_ = weight_gradient_nodes(program.training);
  }

  [[nodiscard]] std::string of(const Instruction& instruction) const {
    switch (program_.training.phase[instruction.node]) {
      case Phase::kForward:
        return fmt::format("F{}", instruction.microbatch);
      case Phase::kBackward:
        return fmt::format("{}{}", is_apart_[instruction.node] ? 'W' : 'B', instruction.microbatch);
      case Phase::kUpdate:
        return "U";
    }
    return "";
  }

 private:
  const Program& program_;
  IdVector<NodeId, bool> is_apart_;
};

IdVector<DeviceId, std::vector<Block>> blocks_of(const Program& program, const Simulation& simulation) {
  const Labels labels(program);
  IdVector<DeviceId, std::vector<Block>> blocks(program.devices.size());
  for (const TimelineEvent& event : simulation.events) {
    const Instruction& instruction =
        program.devices[event.device].instructions[static_cast<std::size_t>(event.instruction)];
    if (instruction.opcode != Opcode::kCompute) continue;
    std::vector<Block>& of_device = blocks[event.device];
    std::string label = labels.of(instruction);
    if (!of_device.empty() && of_device.back().label == label) {
      of_device.back().end_s = event.end_s;
    } else {
      of_device.push_back({std::move(label), event.start_s, event.end_s});
    }
  }
  return blocks;
}

// As many columns as give most passes room for their label and a dash.
std::size_t columns_wanted(const IdVector<DeviceId, std::vector<Block>>& blocks, double step_s, std::size_t most) {
  std::vector<double> columns;
  for (const std::vector<Block>& of_device : blocks) {
    for (const Block& block : of_device) {
      columns.push_back(static_cast<double>(block.label.size() + 1) * step_s / (block.end_s - block.start_s));
    }
  }
  if (columns.empty()) return 1;
  const auto ninth_tenth = columns.begin() + static_cast<std::ptrdiff_t>(columns.size() * 9 / 10);
  std::nth_element(columns.begin(), ninth_tenth, columns.end());
  return static_cast<std::size_t>(std::clamp(std::ceil(*ninth_tenth), 1.0, static_cast<double>(most)));
}

std::string line_of(const std::vector<Block>& blocks, double step_s, std::size_t columns) {
  std::string line(columns, '.');
  const auto column = [&](double time_s) {
    return std::min(columns, static_cast<std::size_t>(std::llround(time_s / step_s * static_cast<double>(columns))));
  };
  for (const Block& block : blocks) {
    const std::size_t begin = column(block.start_s);
    for (std::size_t at = begin; at < column(block.end_s); ++at) {
      line[at] = at - begin < block.label.size() ? block.label[at - begin] : '-';
    }
  }
  return line;
}

}  // namespace

std::string schedule_grid(const Program& program, const Cluster& cluster, const Simulation& simulation,
                          std::size_t columns) {
  const IdVector<DeviceId, std::vector<Block>> blocks = blocks_of(program, simulation);
  const std::size_t width = columns_wanted(blocks, simulation.step_time_s, columns);
  std::size_t longest = 0;
  for (const DeviceId d : ids<DeviceId>(blocks.size())) longest = std::max(longest, cluster.devices[d].name.size());
  std::string text;
  for (const DeviceId d : ids<DeviceId>(blocks.size())) {
    text += fmt::format("{:<{}}  {}\n", cluster.devices[d].name, longest,
                        line_of(blocks[d], simulation.step_time_s, width));
  }
  return text;
}

}  // namespace mp
