#include "lib/program/segments.hpp"

#include <algorithm>
#include <limits>
#include <map>
#include <set>
#include <tuple>

#include "lib/base/check.hpp"
#include "lib/operators/operator.hpp"
#include "lib/training/weight_gradients.hpp"

namespace mp {
namespace {

constexpr std::int32_t kUnbounded = std::numeric_limits<std::int32_t>::max();

using PassOfNode = IdVector<NodeId, Pass>;  // of forward and backward nodes

PassOfNode passes_of_nodes(const TrainingGraph& training, const SegmentOptions& options) {
  PassOfNode pass(training.graph.nodes().size(), Pass::kForward);
  for (const NodeId n : ids<NodeId>(pass.size())) {
    if (training.phase[n] == Phase::kBackward) pass[n] = Pass::kBackward;
  }
  if (!options.split_weight_gradients) return pass;
  const IdVector<NodeId, bool> is_weight_gradient = weight_gradient_nodes(training);
  for (const NodeId n : ids<NodeId>(pass.size())) {
    if (is_weight_gradient[n]) pass[n] = Pass::kWeightGradient;
  }
  return pass;
}

class LevelFinder {
 public:
  LevelFinder(const TrainingGraph& training, const IdVector<NodeId, DeviceId>& device_of, const PassOfNode& pass_of)
      : training_(training), device_of_(device_of), pass_of_(pass_of), level_(training.graph.nodes().size(), 0) {}

  IdVector<NodeId, std::int32_t> run() && {
    earliest();
    join_later_segments();
    return std::move(level_);
  }

 private:
  [[nodiscard]] std::int32_t hop(NodeId from, NodeId to) const { return device_of_[from] == device_of_[to] ? 0 : 1; }

  // Level of a node: device changes on the longest path to it within its phase.
  void earliest() {
    const Graph& graph = training_.graph;
    for (const NodeId n : ids<NodeId>(graph.nodes().size())) {
      for (const TensorId input : graph.node(n).inputs) {
        if (input == kNone<TensorId>) continue;
        const NodeId from = graph.tensor(input).producer;
        if (from == kNone<NodeId> || training_.phase[from] != training_.phase[n]) continue;
        level_[n] = std::max(level_[n], level_[from] + hop(from, n));
      }
    }
  }

  // A node that nobody needs until later (a position embedding on the last device, say) moves up to the latest level
  // its readers allow on which its device has work anyway: fewer segments. Nodes are visited readers first, so each
  // move keeps "level(from) + hop ≤ level(to)" on every edge.
  void join_later_segments() {
    const Graph& graph = training_.graph;
    std::set<std::tuple<Pass, DeviceId, std::int32_t>> settled;
    for (std::size_t i = graph.nodes().size(); i-- > 0;) {
      const NodeId n = make_id<NodeId>(i);
      if (training_.phase[n] == Phase::kUpdate) continue;
      const std::int32_t latest = latest_level(n);
      const auto key = std::tuple(pass_of_[n], device_of_[n], latest == kUnbounded ? level_[n] : latest);
      const auto above = settled.upper_bound(key);
      if (above != settled.begin()) {
        const auto& [pass, device, level] = *std::prev(above);
        if (pass == pass_of_[n] && device == device_of_[n]) level_[n] = std::max(level_[n], level);
      }
      settled.emplace(pass_of_[n], device_of_[n], level_[n]);
    }
  }

  [[nodiscard]] std::int32_t latest_level(NodeId n) const {
    std::int32_t latest = kUnbounded;
    for (const TensorId output : training_.graph.node(n).outputs) {
      if (output == kNone<TensorId>) continue;
      for (const NodeId reader : training_.graph.consumers(output)) {
        if (training_.phase[reader] == Phase::kUpdate || pass_of_[reader] != pass_of_[n]) continue;
        latest = std::min(latest, level_[reader] - hop(n, reader));
      }
    }
    return latest;
  }

  const TrainingGraph& training_;
  const IdVector<NodeId, DeviceId>& device_of_;
  const PassOfNode& pass_of_;
  IdVector<NodeId, std::int32_t> level_;
};

using SegmentOfNode = IdVector<NodeId, std::int32_t>;  // −1: an update

// Two gradients of one tensor are added as soon as there are both, not where the tensor's maker is differentiated: a
// device can do the sum with what makes the second one, whose operands' memory is used again soon, and never holds both
// for longer than that. Keeps the order topological.
class SumsMovedUp {
 public:
  SumsMovedUp(const TrainingGraph& training, const std::vector<NodeId>& nodes) : training_(training), nodes_(nodes) {}

  std::vector<NodeId> run() && {
    for (const NodeId n : nodes_) place_with_sums(n);
    return std::move(order_);
  }

 private:
  void place_with_sums(NodeId first) {
    std::vector<NodeId> next{first};
    while (!next.empty()) {
      const NodeId n = next.back();
      next.pop_back();
      if (!placed_.insert(n).second) continue;
      order_.push_back(n);
      for (const TensorId output : training_.graph.node(n).outputs) {
        if (output == kNone<TensorId> || training_.graph.consumers(output).size() != 1) continue;
        const NodeId reader = training_.graph.consumers(output).front();
        if (is_sum_of_gradients(reader) && has_operands(reader)) next.push_back(reader);
      }
    }
  }
  [[nodiscard]] bool is_here(NodeId n) const { return std::binary_search(nodes_.begin(), nodes_.end(), n); }
  [[nodiscard]] bool is_sum_of_gradients(NodeId n) const {
    return is_here(n) && training_.phase[n] == Phase::kBackward && training_.graph.node(n).op->name == "Add";
  }
  // Those that are made here.
  [[nodiscard]] bool has_operands(NodeId n) const {
    const std::vector<TensorId>& inputs = training_.graph.node(n).inputs;
    return std::all_of(inputs.begin(), inputs.end(), [&](TensorId input) {
      const NodeId maker = training_.graph.tensor(input).producer;
      return !is_here(maker) || placed_.count(maker) > 0;
    });
  }

  const TrainingGraph& training_;
  const std::vector<NodeId>& nodes_;  // by id
  std::set<NodeId> placed_;
  std::vector<NodeId> order_;
};

std::vector<Segment> group(const TrainingGraph& training, const IdVector<NodeId, DeviceId>& device_of,
                           const PassOfNode& pass_of, SegmentOfNode& segment_of) {
  const IdVector<NodeId, std::int32_t> level = LevelFinder(training, device_of, pass_of).run();
  std::map<std::tuple<Pass, std::int32_t, DeviceId>, std::vector<NodeId>> groups;
  for (const NodeId n : ids<NodeId>(training.graph.nodes().size())) {
    if (training.phase[n] != Phase::kUpdate) groups[{pass_of[n], level[n], device_of[n]}].push_back(n);
  }
  std::vector<Segment> segments;
  for (const auto& [key, nodes] : groups) {
    for (const NodeId n : nodes) segment_of[n] = static_cast<std::int32_t>(segments.size());
    segments.push_back({.device = std::get<DeviceId>(key),
                        .pass = std::get<Pass>(key),
                        .level = std::get<std::int32_t>(key),
                        .nodes = SumsMovedUp(training, nodes).run(),
                        .successors = {},
                        .predecessors = 0});
  }
  return segments;
}

void link(const Graph& graph, const SegmentOfNode& segment_of, std::vector<Segment>& segments) {
  for (std::size_t s = 0; s < segments.size(); ++s) {
    std::vector<std::int32_t>& successors = segments[s].successors;
    for (const NodeId n : segments[s].nodes) {
      for (const TensorId output : graph.node(n).outputs) {
        if (output == kNone<TensorId>) continue;
        for (const NodeId reader : graph.consumers(output)) successors.push_back(segment_of[reader]);
      }
    }
    std::sort(successors.begin(), successors.end());
    successors.erase(std::unique(successors.begin(), successors.end()), successors.end());
    std::erase_if(successors, [&](std::int32_t to) { return to < 0 || to == static_cast<std::int32_t>(s); });
    for (const std::int32_t to : successors) {
      MP_CHECK(to > static_cast<std::int32_t>(s));  // their order is topological, so they are acyclic
      ++segments[static_cast<std::size_t>(to)].predecessors;
    }
  }
}

}  // namespace

IdVector<NodeId, DeviceId> devices_of_nodes(const TrainingGraph& training, const Placement& placement) {
  IdVector<NodeId, DeviceId> device_of;
  device_of.reserve(training.graph.nodes().size());
  for (const NodeId with : training.placed_with) device_of.push_back(placement[with]);
  return device_of;
}

std::vector<Segment> make_segments(const TrainingGraph& training, const IdVector<NodeId, DeviceId>& device_of,
                                   const SegmentOptions& options) {
  SegmentOfNode segment_of(training.graph.nodes().size(), -1);
  std::vector<Segment> segments = group(training, device_of, passes_of_nodes(training, options), segment_of);
  link(training.graph, segment_of, segments);
  return segments;
}

}  // namespace mp
