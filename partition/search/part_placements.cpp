#include "partition/search/part_placements.hpp"

#include <algorithm>
#include <charconv>
#include <map>
#include <set>
#include <string_view>

#include "lib/operators/operator.hpp"
#include "partition/search/lanes.hpp"

namespace mp::partition {
namespace {

// The stage of every forward node: equal FLOPs, forward and backward being alike.
IdVector<NodeId, std::size_t> stages_of(const TrainingGraph& training, std::size_t stages) {
  IdVector<NodeId, std::size_t> stage;
  double total = 0.0;
  std::vector<double> until;
  for (std::int32_t n = 0; n < training.forward_nodes; ++n) {
    total += cost_of(training.graph, make_id<NodeId>(n)).flops;
    until.push_back(total);
  }
  for (const double work : until) {
    const double share = total > 0.0 ? work / total * static_cast<double>(stages) : 0.0;
    stage.push_back(std::min(stages - 1, static_cast<std::size_t>(std::max(0.0, share))));
  }
  return stage;
}

// Where the name of a part says so: "conv" of "conv.part2".
std::size_t end_of_whole(std::string_view name) {
  for (const std::string_view what : {".part", ".rows"}) {
    const std::size_t at = name.rfind(what);
    if (at == std::string_view::npos) continue;
    const char* end = name.data() + name.size();
    std::int64_t number = 0;
    const auto [stop, error] = std::from_chars(name.data() + at + what.size(), end, number);
    if (error == std::errc() && stop == end && number >= 1) return at;
  }
  return name.size();
}

Placement placement_in_stages(const TrainingGraph& training, const PlacementUnits& units, std::size_t stages,
                              std::size_t parts) {
  const IdVector<NodeId, std::size_t> stage = stages_of(training, stages);
  Placement placement(static_cast<std::size_t>(training.forward_nodes), DeviceId{0});
  std::map<std::string_view, std::size_t> stage_of_whole;  // parts stay in one stage
  for (const UnitId unit : ids<UnitId>(units.nodes.size())) {
    const NodeId first = units.nodes[unit].front();
    const std::string_view name = training.graph.node(first).name;
    const std::int64_t part = std::max<std::int64_t>(0, part_of(name));
    const std::size_t of_whole = stage_of_whole.try_emplace(whole_of(name), stage[first]).first->second;
    DeviceId device = make_id<DeviceId>(static_cast<std::int64_t>(of_whole * parts) + part);
    if (units.pinned[unit]) device = *units.pinned[unit];
    for (const NodeId n : units.nodes[unit]) placement[n] = device;
  }
  return placement;
}

}  // namespace

std::string_view whole_of(std::string_view name) { return name.substr(0, end_of_whole(name)); }

std::int64_t part_of(std::string_view name) {
  const std::size_t end = end_of_whole(name);
  if (end == name.size()) return -1;
  std::int64_t number = 0;
  std::from_chars(name.data() + end + std::string_view(".part").size(), name.data() + name.size(), number);
  return number - 1;
}

std::vector<Placement> part_placements(const TrainingGraph& training, const PlacementUnits& units,
                                       std::size_t devices) {
  const auto side_by_side = static_cast<std::size_t>(most_parts(training));
  if (side_by_side < 2 || side_by_side > devices) return {};
  std::vector<Placement> placements;
  for (const std::size_t stages : std::set<std::size_t>{1, devices / side_by_side}) {
    placements.push_back(placement_in_stages(training, units, stages, side_by_side));
  }
  return placements;
}

}  // namespace mp::partition
